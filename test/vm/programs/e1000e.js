// Just enough of a driver for QEMU's 82574 to see that registers, DMA and interrupts get through: one descriptor at a time.
// Registers and descriptors: Intel 82574 datasheet, revision 3.4, sections 3.2.6, 3.3.3 and 10.2.
import { setImmediate } from 'node:timers/promises';

const CTRL = 0x0000;
const ICR = 0x00c0;
const ICS = 0x00c8;
const IMS = 0x00d0;
const IVAR = 0x00e4;
const RCTL = 0x0100;
const TCTL = 0x0400;
/** Base low; behind it base high, length, head and, 8 bytes further on, tail. */
const RX_RING = 0x2800;
const TX_RING = 0x3800;
const RFCTL = 0x5008;

const CTRL_SET_LINK_UP = 1 << 6;
const RCTL_ENABLE_PROMISCUOUS = (1 << 1) | (1 << 3);
const TCTL_ENABLE_PAD = (1 << 1) | (1 << 3);
const CAUSE_RX_THRESHOLD = 1 << 4;
const CAUSE_RX_QUEUE_0 = 1 << 20;
const IVAR_VALID = 1 << 3;
const TX_EOP_IFCS_RS = 0x0b;
const DONE = 1;

const RING_LENGTH = 8;
const DESCRIPTOR_BYTES = 16;

/** Waits until `condition` holds, for a few seconds; whether it does. */
export async function until(condition) {
  const end = performance.now() + 5000;
  while (!condition() && performance.now() < end) await setImmediate();
  return condition();
}

class Ring {
  /** `offset`: place of the ring in `memory`. */
  constructor(device, memory, offset, registers) {
    this.view = new DataView(memory.buffer, offset, RING_LENGTH * DESCRIPTOR_BYTES);
    this.bar = device.bar(0);
    this.registers = registers;
    this.tail = 0;
    const address = device.dma.addressOf(memory, offset);
    this.bar.write32(registers, address % 2 ** 32);
    this.bar.write32(registers + 4, Math.floor(address / 2 ** 32));
    this.bar.write32(registers + 8, this.view.byteLength);
    this.bar.write32(registers + 0x10, 0);
    this.bar.write32(registers + 0x18, 0);
  }

  /** Hands the next descriptor over; returns its place in the ring. */
  push(address, second) {
    const at = this.tail * DESCRIPTOR_BYTES;
    this.view.setBigUint64(at, BigInt(address), true);
    this.view.setUint32(at + 8, second, true);
    this.view.setUint32(at + 12, 0, true);
    this.tail = (this.tail + 1) % RING_LENGTH;
    this.bar.write32(this.registers + 0x18, this.tail);
    return at;
  }

  isDone(at) {
    return (this.view.getUint8(at + 12) & DONE) !== 0;
  }
}

export class E1000e {
  /** `offset`: place of 4 KiB in `memory`, which is mapped for the device, for the rings. */
  constructor(device, memory, offset) {
    const bar = device.bar(0);
    this.bar = bar;
    this.rx = new Ring(device, memory, offset, RX_RING);
    this.tx = new Ring(device, memory, offset + 2048, TX_RING);
    bar.write32(CTRL, bar.read32(CTRL) | CTRL_SET_LINK_UP);
    bar.write32(RFCTL, 0); // descriptors of the legacy format; a kernel driver may have left the extended one
    bar.write32(RCTL, RCTL_ENABLE_PROMISCUOUS);
    bar.write32(TCTL, TCTL_ENABLE_PAD);
  }

  /** Sends the frame at a device address; resolves to whether the device reported it done. */
  send(address, length) {
    const at = this.tx.push(address, length | (TX_EOP_IFCS_RS << 24));
    return until(() => this.tx.isDone(at));
  }

  /** Offers 2 KiB at a device address; returns a function that resolves to the length of the frame received there, or 0. */
  offer(address) {
    const at = this.rx.push(address, 0);
    return async () => ((await until(() => this.rx.isDone(at))) ? this.rx.view.getUint16(at + 8, true) : 0);
  }
}

/** Lets the device interrupt, by `vector` of MSI-X or by its line: how to raise the interrupt, and how to withdraw it. */
export function e1000eInterrupt(device, vector) {
  const bar = device.bar(0);
  const cause = device.interrupts.kind === 'msix' ? CAUSE_RX_QUEUE_0 : CAUSE_RX_THRESHOLD;
  bar.write32(IVAR, vector | IVAR_VALID);
  bar.write32(IMS, cause);
  return { raise: () => bar.write32(ICS, cause), withdraw: () => bar.write32(ICR, cause) };
}
