/**
 * Between the real driver and the device, to make of it a driver that breaks a rule: register accesses, doorbells,
 * descriptors and PCI calls can be changed on their way.
 */
import { DESCRIPTOR_BYTES, DESCRIPTOR_WORDS } from '../../src/datasheet/ixgbe/descriptors.ts';
import { type IxgbeRegister, ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../src/datasheet/registers.ts';
import type { EmulatedPciDevice } from '../../src/emulation/index.ts';
import type { DmaDomain, DmaMemory } from '../../src/memory/dma-memory.ts';
import type { DeviceClock, RegisterFile } from '../../src/pci/pci-device.ts';
import { WrappedDevice } from './wrapped-device.ts';

export type Side = 'rx' | 'tx';

const places = new Map<number, { name: IxgbeRegister; index: number }>();
for (const [name, register] of Object.entries(ixgbe) as [IxgbeRegister, Register][]) {
  for (let index = 0; index < register.length; index++) places.set(register.at(index), { name, index });
}

const RINGS = {
  rx: { low: ixgbe.RDBAL, high: ixgbe.RDBAH, length: ixgbe.RDLEN, tail: ixgbe.RDT },
  tx: { low: ixgbe.TDBAL, high: ixgbe.TDBAH, length: ixgbe.TDLEN, tail: ixgbe.TDT },
} as const;

/** A queue's descriptors in memory. */
export interface Descriptors {
  readonly words: Int32Array;
  /** Index in `words` of the first descriptor's first word. */
  readonly base: number;
  readonly count: number;
}

export class MutantDevice extends WrappedDevice {
  /** What is written in place of `value`; undefined: nothing. */
  onWrite: (name: IxgbeRegister, value: number, index: number) => number | undefined = (_name, value) => value;
  /** What the driver gets; `load` reads the register. */
  onRead: (name: IxgbeRegister, load: () => number) => number = (_name, load) => load();
  /** The tail that reaches the device. */
  onDoorbell: (side: Side, tail: number) => number = (_side, tail) => tail;
  /** Called for each descriptor that the driver gives to the device, before the doorbell; word `at` is its first. */
  onDescriptor: (side: Side, words: Int32Array, at: number) => void = () => {};
  /** Part of the time asked for that the driver really sleeps. */
  patience = 1;
  /** What the device takes for a page; 0: what the memory says. */
  pageSize = 0;
  /** Bus mastering stays as it is. */
  keepsBusMaster = false;
  override readonly clock: DeviceClock;
  override readonly dma: DmaDomain;
  /** The registers themselves. */
  readonly file: RegisterFile;
  readonly #emulated: EmulatedPciDevice;
  readonly #mutated: RegisterFile;
  /** Ring registers as the driver meant them, and tails as it rang them, by offset. */
  readonly #meant = new Map<number, number>();

  constructor(device: EmulatedPciDevice) {
    super(device);
    this.#emulated = device;
    this.file = device.bar(0);
    this.clock = {
      now: () => device.clock.now(),
      sleep: (milliseconds) => device.clock.sleep(milliseconds * this.patience),
      pause: (milliseconds) => device.clock.pause(milliseconds),
    };
    this.dma = {
      translated: device.dma.translated,
      map: (memory) => device.dma.map(this.#asMapped(memory)),
      unmap: (memory) => device.dma.unmap(this.#asMapped(memory)),
      addressOf: (memory, offset) => device.dma.addressOf(this.#asMapped(memory), offset),
    };
    this.#mutated = {
      ...this.file,
      read32: (offset) => this.#read(offset),
      write32: (offset, value) => this.#write(offset, value),
      doorbells: new Proxy(this.file.doorbells, {
        get: (target, key) => Reflect.get(target, key),
        set: (_target, key, value: number) => {
          this.#ring(Number(key) * 4, value);
          return true;
        },
      }),
    };
  }

  override bar(): RegisterFile {
    return this.#mutated;
  }

  override setBusMaster(enabled: boolean): void {
    if (!this.keepsBusMaster) super.setBusMaster(enabled);
  }

  override close(): void {
    this.setBusMaster(false);
  }

  /** A register, past all mutations. */
  peek(name: IxgbeRegister, index = 0): number {
    return this.file.read32(ixgbe[name].at(index));
  }

  poke(name: IxgbeRegister, value: number, index = 0): void {
    this.file.write32(ixgbe[name].at(index), value);
  }

  /** A doorbell, past all mutations. */
  ring(side: Side, tail: number): void {
    this.file.doorbells[RINGS[side].tail.at(0) / 4] = tail;
  }

  /** The descriptors of a queue as the driver set it up. */
  descriptors(side: Side, queue = 0): Descriptors {
    const { low, high, length } = RINGS[side];
    const meant = (register: Register): number => this.#meant.get(register.at(queue)) ?? 0;
    const address = (meant(high) >>> 0) * 2 ** 32 + (meant(low) >>> 0);
    const region = this.#emulated.dma.regions.find(address, meant(length));
    if (!region) throw new Error(`no ring at ${address.toString(16)}`);
    return {
      words: region.words,
      base: (address - region.address) / 4,
      count: meant(length) / DESCRIPTOR_BYTES,
    };
  }

  readonly #twins = new Map<DmaMemory, DmaMemory>();

  #asMapped(memory: DmaMemory): DmaMemory {
    if (this.pageSize === 0) return memory;
    let twin = this.#twins.get(memory);
    if (!twin) {
      const { buffer, size, descriptor, kind } = memory;
      twin = { buffer, size, descriptor, kind, pageSize: this.pageSize, free: () => {} };
      this.#twins.set(memory, twin);
    }
    return twin;
  }

  #read(offset: number): number {
    const place = places.get(offset);
    return place ? this.onRead(place.name, () => this.file.read32(offset)) : this.file.read32(offset);
  }

  #write(offset: number, value: number): void {
    this.#meant.set(offset, value);
    const place = places.get(offset);
    const written = place ? this.onWrite(place.name, value, place.index) : value;
    if (written !== undefined) this.file.write32(offset, written);
  }

  #ring(offset: number, tail: number): void {
    const place = places.get(offset);
    if (!place) throw new Error(`no doorbell at 0x${offset.toString(16)}`);
    const side = place.name === 'RDT' ? 'rx' : 'tx';
    const { words, base, count } = this.descriptors(side, place.index);
    for (let index = this.#meant.get(offset) ?? 0; index !== tail; index = (index + 1) % count) {
      this.onDescriptor(side, words, base + index * DESCRIPTOR_WORDS);
    }
    this.#meant.set(offset, tail);
    this.file.doorbells[offset / 4] = this.onDoorbell(side, tail);
  }
}
