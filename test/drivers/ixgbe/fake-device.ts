/**
 * A PciDevice of plain memory for what needs no device model: registers keep what is written to them, and the few that
 * initialisation waits for answer at once. It logs every write, and tests may interfere with any access.
 */
import { INTEL_VENDOR_ID } from '../../../src/datasheet/ixgbe/devices.ts';
import { type IxgbeRegister, ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../../src/datasheet/registers.ts';
import type { DmaDomain, DmaMemory } from '../../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import type { DeviceClock, PciConfigSpace, PciDevice, RegisterFile } from '../../../src/pci/pci-device.ts';
import { wordRegisters } from '../../../src/pci/word-registers.ts';

const BAR_SIZE = 0x20000;
const RESET = ixgbe.CTRL.bits.RST.mask | ixgbe.CTRL.bits.LRST.mask;
const clearedByRead = new Set<number>();
const names = new Map<number, string>();
for (const [name, register] of Object.entries(ixgbe) as [string, Register][]) {
  for (let i = 0; i < register.length; i++) {
    if (register.access === 'RC') clearedByRead.add(register.at(i));
    names.set(register.at(i), register.length > 1 ? `${name}[${i}]` : name);
  }
}

export interface Write {
  readonly name: string;
  readonly value: number;
}

export class FakeDevice implements PciDevice {
  readonly address = '0000:03:00.0';
  readonly numaNode = -1;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly config: PciConfigSpace;
  /** In order: register writes by name, 'bus-master', 'free', 'unmap' and 'close'. */
  readonly log: Write[] = [];
  readonly eeprom = new Uint16Array(0x100);
  readonly #words = new Uint32Array(BAR_SIZE / 4);
  readonly #doorbells = new Int32Array(BAR_SIZE / 4).fill(-1);
  /** Called before each read; a number replaces the register's value. */
  onRead: (name: string) => number | undefined = () => undefined;
  /** Bits that stay as they are, whatever is written: by register name. */
  readonly stuck = new Map<string, number>();
  now = 0;
  closed = false;

  constructor(deviceId = 0x10fb, vendorId = INTEL_VENDOR_ID) {
    this.deviceId = deviceId;
    this.vendorId = vendorId;
    const none = (): never => {
      throw new Error('the fake has no configuration space');
    };
    this.config = { read8: none, read16: none, read32: none, write8: none, write16: none, write32: none };
    this.eeprom[0x3f] = 0xbaba;
    this.#powerOn();
  }

  readonly clock: DeviceClock = {
    now: () => this.now,
    sleep: async (milliseconds) => {
      this.now += milliseconds;
    },
    pause: (milliseconds) => {
      this.now += milliseconds;
    },
  };

  readonly dma: DmaDomain = {
    translated: false,
    map: () => {},
    unmap: () => this.log.push({ name: 'unmap', value: 0 }),
    addressOf: (_memory, offset) => 0x1_0000_0000 + offset,
  };

  readonly allocateMemory = (minimumBytes: number): DmaMemory => {
    const memory = allocatePlainMemory(minimumBytes);
    const free = memory.free.bind(memory);
    memory.free = () => {
      this.log.push({ name: 'free', value: minimumBytes });
      free();
    };
    return memory;
  };

  readonly #file = wordRegisters('fake', {
    size: BAR_SIZE,
    doorbells: this.#doorbells,
    read32: (offset) => this.#read(offset),
    write32: (offset, value) => this.#write(offset, value),
  });

  bar(): RegisterFile {
    return this.#file;
  }

  setBusMaster(enabled: boolean): void {
    this.log.push({ name: 'bus-master', value: enabled ? 1 : 0 });
  }

  close(): void {
    this.closed = true;
    this.log.push({ name: 'close', value: 0 });
  }

  /** What a register holds, without side effects. */
  peek(name: IxgbeRegister, index = 0): number {
    return this.#words[ixgbe[name].at(index) / 4];
  }

  poke(name: IxgbeRegister, value: number, index = 0): void {
    this.#words[ixgbe[name].at(index) / 4] = value;
  }

  /** Value of the last write to a doorbell, or −1. */
  doorbell(name: 'RDT' | 'TDT', index = 0): number {
    return this.#doorbells[ixgbe[name].at(index) / 4];
  }

  /** Values written to a register, oldest first. */
  writesTo(name: string): number[] {
    return this.log.filter((write) => write.name === name).map(({ value }) => value);
  }

  /** Position in the log of the first write to `name` whose value satisfies `test`; −1 if there is none. */
  position(name: string, test: (value: number) => boolean = () => true): number {
    return this.log.findIndex((write) => write.name === name && test(write.value));
  }

  #powerOn(): void {
    // Who holds what outlives a reset: firmware and the other port are not reset.
    const [semaphore, owners] = [this.peek('SWSM'), this.peek('SW_FW_SYNC')];
    this.#words.fill(0);
    for (const register of Object.values(ixgbe) as Register[]) {
      for (let i = 0; i < register.length; i++) this.#words[register.at(i) / 4] = register.reset ?? 0;
    }
    this.poke('SWSM', semaphore);
    this.poke('SW_FW_SYNC', owners);
    this.#words[ixgbe.EEC.offset / 4] |= ixgbe.EEC.bits.AUTO_RD.mask | ixgbe.EEC.bits.EE_PRES.mask;
    this.#words[ixgbe.RDRXCTL.offset / 4] |= ixgbe.RDRXCTL.bits.DMAIDONE.mask;
    this.poke('RAL', 0x0200_1b90, 0); // 90:1b:00:02:04:05
    this.poke('RAH', 0x8000_0504, 0);
  }

  #read(offset: number): number {
    const name = names.get(offset) ?? `0x${offset.toString(16)}`;
    const forced = this.onRead(name);
    if (forced !== undefined) return forced;
    const value = this.#words[offset / 4];
    if (clearedByRead.has(offset)) this.#words[offset / 4] = 0;
    if (offset === ixgbe.SWSM.offset) this.#words[offset / 4] |= ixgbe.SWSM.bits.SMBI.mask;
    return value;
  }

  #write(offset: number, value: number): void {
    const name = names.get(offset) ?? `0x${offset.toString(16)}`;
    this.log.push({ name, value });
    const keep = this.stuck.get(name) ?? 0;
    this.#words[offset / 4] = (this.#words[offset / 4] & keep) | (value & ~keep);
    this.#react(offset, value);
  }

  /** What the device does about a write, as far as initialisation waits for it. */
  #react(offset: number, value: number): void {
    const words = this.#words;
    if (offset === ixgbe.CTRL.offset) {
      const stuck = this.stuck.get('CTRL') ?? 0;
      if (value & RESET & ~stuck) this.#powerOn();
      if (value & ixgbe.CTRL.bits.MASTER_DISABLE.mask && !this.stuck.has('STATUS')) {
        words[ixgbe.STATUS.offset / 4] &= value & RESET ? -1 : ~ixgbe.STATUS.bits.MASTER_ENABLE.mask;
      }
      if (stuck) words[ixgbe.CTRL.offset / 4] |= value & stuck;
    } else if (offset === ixgbe.SECRXCTRL.offset) {
      words[ixgbe.SECRXSTAT.offset / 4] = value & ixgbe.SECRXCTRL.bits.RX_DIS.mask ? 1 : 0;
    } else if (offset === ixgbe.EERD.offset) {
      const word = (value >>> 2) & 0x3fff;
      words[offset / 4] = ((this.eeprom[word] ?? 0xffff) * 2 ** 16 + (value & 0xfffc) + 2) >>> 0;
    } else if (offset === ixgbe.DMATXCTL.offset && value & 1) {
      words[ixgbe.TXDCTL.at(0) / 4] |= ixgbe.TXDCTL.bits.ENABLE.mask;
    }
  }
}
