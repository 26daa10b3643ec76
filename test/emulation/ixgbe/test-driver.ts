/**
 * The least that drives an 82599 by the book (datasheet section 4.6): for tests of the model, apart from src/drivers. Each
 * step is a method, so that a test can leave one out or do it wrong.
 */
import {
  DESCRIPTOR_BYTES,
  RX_STATUS_DD,
  RX_STATUS_EOP,
  TX_CMD_DATA,
  TX_CMD_EOP,
  TX_CMD_RS,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { insert, type Register } from '../../../src/datasheet/registers.ts';
import { EmulatedPciDevice } from '../../../src/emulation/emulated-device.ts';
import type { EmulatedDomain } from '../../../src/emulation/iommu.ts';
import type { Simulation } from '../../../src/emulation/simulation.ts';
import { CallbackWire } from '../../../src/emulation/wires/index.ts';
import { addressHigh, addressLow, type DmaDomain, type DmaMemory } from '../../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import type { PciDevice } from '../../../src/pci/pci-device.ts';

export const RING = 64;
export const BUFFER = 2048;

/** Memory for one ring and its buffers. */
export class RingMemory {
  readonly ring: DmaMemory = allocatePlainMemory(RING * DESCRIPTOR_BYTES);
  readonly buffers: DmaMemory = allocatePlainMemory(RING * BUFFER);
  readonly words = new Int32Array(this.ring.buffer);
  readonly bytes = new Uint8Array(this.buffers.buffer);

  readonly domain: DmaDomain;

  constructor(domain: DmaDomain) {
    this.domain = domain;
    domain.map(this.ring);
    domain.map(this.buffers);
  }

  get address(): number {
    return this.domain.addressOf(this.ring, 0);
  }

  bufferAddress(index: number): number {
    return this.domain.addressOf(this.buffers, index * BUFFER);
  }

  unmap(): void {
    this.domain.unmap(this.ring);
    this.domain.unmap(this.buffers);
  }
}

export class TestDriver {
  readonly device: PciDevice;
  readonly rx: RingMemory;
  readonly tx: RingMemory;
  #rxNext = 0;
  #txNext = 0;

  constructor(device: PciDevice) {
    this.device = device;
    this.rx = new RingMemory(device.dma);
    this.tx = new RingMemory(device.dma);
  }

  read(register: Register, index = 0): number {
    return this.device.bar(0).read32(register.at(index));
  }

  write(register: Register, value: number, index = 0): void {
    this.device.bar(0).write32(register.at(index), value);
  }

  set(register: Register, bits: number, index = 0): void {
    this.write(register, this.read(register, index) | bits, index);
  }

  clear(register: Register, bits: number, index = 0): void {
    this.write(register, this.read(register, index) & ~bits, index);
  }

  ring(register: Register, tail: number, index = 0): void {
    Atomics.store(this.device.bar(0).doorbells, register.at(index) >>> 2, tail);
  }

  /** Waits for bits in model time; false after `milliseconds`. */
  waitFor(register: Register, bits: number, wanted = bits, milliseconds = 100): boolean {
    for (let waited = 0; waited < milliseconds; waited += 0.05) {
      if ((this.read(register) & bits) === wanted) return true;
      this.device.clock.pause(0.05);
    }
    return false;
  }

  /** Everything in order. */
  start(): this {
    this.device.setBusMaster(true);
    this.reset();
    this.setUpReceive();
    this.enableRxQueue();
    this.enableReceiver();
    this.setUpTransmit();
    this.enableTransmitter();
    this.enableTxQueue();
    return this;
  }

  reset(): void {
    const { CTRL, EIMC, EEC, RDRXCTL } = ixgbe;
    this.write(EIMC, 0x7fff_ffff);
    this.write(CTRL, CTRL.bits.RST.mask);
    this.device.clock.pause(10);
    this.write(EIMC, 0x7fff_ffff);
    this.waitFor(EEC, EEC.bits.AUTO_RD.mask);
    this.waitFor(RDRXCTL, RDRXCTL.bits.DMAIDONE.mask);
  }

  waitForLink(): boolean {
    return this.waitFor(ixgbe.LINKS, ixgbe.LINKS.bits.LINK_UP.mask, ixgbe.LINKS.bits.LINK_UP.mask, 1000);
  }

  setUpReceive(): void {
    const { CTRL_EXT, FCTRL, RDRXCTL, DCA_RXCTRL, RDBAL, RDBAH, RDLEN, SRRCTL } = ixgbe;
    const { CRC_STRIP, RSCFRSTSIZE, RSCACKC, FCOE_WRFIX } = RDRXCTL.bits;
    this.set(FCTRL, FCTRL.bits.BAM.mask);
    this.clear(RDRXCTL, RSCFRSTSIZE.mask);
    this.set(RDRXCTL, CRC_STRIP.mask | RSCACKC.mask | FCOE_WRFIX.mask);
    this.set(CTRL_EXT, CTRL_EXT.bits.NS_DIS.mask);
    this.clear(DCA_RXCTRL, DCA_RXCTRL.bits.MUST_BE_ZERO.mask);
    this.write(RDBAL, addressLow(this.rx.address));
    this.write(RDBAH, addressHigh(this.rx.address));
    this.write(RDLEN, RING * DESCRIPTOR_BYTES);
    this.write(SRRCTL, insert(SRRCTL.bits.DESCTYPE, 0x0402, 1));
  }

  enableRxQueue(): void {
    const { RXDCTL, RDT } = ixgbe;
    this.set(RXDCTL, RXDCTL.bits.ENABLE.mask);
    this.waitFor(RXDCTL, RXDCTL.bits.ENABLE.mask);
    for (let i = 0; i < RING; i++) this.giveBuffer(i);
    this.#rxNext = 0;
    this.ring(RDT, RING - 1);
  }

  enableReceiver(): void {
    this.set(ixgbe.RXCTRL, ixgbe.RXCTRL.bits.RXEN.mask);
  }

  setUpTransmit(): void {
    const { TDBAL, TDBAH, TDLEN, TXDCTL, DTXMXSZRQ } = ixgbe;
    this.write(DTXMXSZRQ, 0xfff);
    this.write(TDBAL, addressLow(this.tx.address));
    this.write(TDBAH, addressHigh(this.tx.address));
    this.write(TDLEN, RING * DESCRIPTOR_BYTES);
    this.write(TXDCTL, (8 << TXDCTL.bits.HTHRESH.shift) | 32);
  }

  enableTransmitter(): void {
    this.set(ixgbe.DMATXCTL, ixgbe.DMATXCTL.bits.TE.mask);
  }

  enableTxQueue(): void {
    this.set(ixgbe.TXDCTL, ixgbe.TXDCTL.bits.ENABLE.mask);
    this.waitFor(ixgbe.TXDCTL, ixgbe.TXDCTL.bits.ENABLE.mask);
    this.#txNext = 0;
  }

  giveBuffer(index: number): void {
    const address = this.rx.bufferAddress(index);
    this.rx.words.set([addressLow(address), addressHigh(address), 0, 0], index * 4);
  }

  /** Frames received since the last call, with their buffers given back. */
  receive(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const parts: Uint8Array[] = [];
    const { words, bytes } = this.rx;
    let last = -1;
    while ((words[this.#rxNext * 4 + 2] & RX_STATUS_DD) !== 0) {
      const index = this.#rxNext;
      const ended = (words[index * 4 + 2] & RX_STATUS_EOP) !== 0;
      parts.push(bytes.slice(index * BUFFER, index * BUFFER + (words[index * 4 + 3] & 0xffff)));
      if (ended) frames.push(concatenate(parts.splice(0)));
      this.giveBuffer(index);
      last = index;
      this.#rxNext = (index + 1) % RING;
    }
    if (last >= 0) this.ring(ixgbe.RDT, last);
    return frames;
  }

  /** Queues a frame in one descriptor, or in several of the given sizes; rings the doorbell unless told not to. */
  transmit(frame: Uint8Array, sizes: readonly number[] = [frame.length], ring = true): void {
    let from = 0;
    for (const [i, size] of sizes.entries()) {
      const index = this.#txNext;
      this.tx.bytes.set(frame.subarray(from, from + size), index * BUFFER);
      from += size;
      const command = TX_CMD_DATA | size | (i === sizes.length - 1 ? TX_CMD_EOP | TX_CMD_RS : 0);
      this.writeTx(index, this.tx.bufferAddress(index), command, i === 0 ? frame.length << TX_PAYLEN_SHIFT : 0);
      this.#txNext = (index + 1) % RING;
    }
    if (ring) this.ring(ixgbe.TDT, this.#txNext);
  }

  writeTx(index: number, address: number, command: number, status: number): void {
    this.tx.words.set([addressLow(address), addressHigh(address), command, status], index * 4);
  }

  txDone(index: number): boolean {
    return (this.tx.words[index * 4 + 3] & 1) !== 0;
  }

  close(): void {
    this.device.close();
    this.rx.unmap();
    this.tx.unmap();
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const MAC = '02:00:00:82:59:90';

/** A frame to `to`, of `length` bytes, whose content depends on `seed`. */
export function frameTo(to: string, length: number, seed = 0): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);
  frame.set(to.split(':').map((byte) => Number.parseInt(byte, 16)));
  frame.set([0x02, 0, 0, 0, 0, 1, 0x08, 0x00], 6);
  return frame;
}

export interface Lab {
  readonly device: EmulatedPciDevice;
  readonly wire: CallbackWire;
  readonly driver: TestDriver;
  /** Frames that the device sent. */
  readonly sent: Uint8Array[];
}

/** A device with a wire that a test holds, and a driver that has not started. */
export function makeLab(options: { strict?: boolean; simulation?: Simulation; domain?: EmulatedDomain } = {}): Lab {
  const sent: Uint8Array[] = [];
  const wire = new CallbackWire({
    onFrame: (bytes, offset, length) => {
      sent.push(bytes.slice(offset, offset + length));
      return true;
    },
  });
  const device = new EmulatedPciDevice({ mac: MAC, wire, ...options });
  return { device, wire, driver: new TestDriver(device), sent };
}

/** The same, started and with its link up. */
export function startLab(options: Parameters<typeof makeLab>[0] = {}): Lab {
  const lab = makeLab(options);
  lab.driver.start().waitForLink();
  return lab;
}
