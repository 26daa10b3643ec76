/** The real driver on a strict emulated 82599, in virtual time, with a checked pool and a wire that the test holds. */
import { expect } from 'vitest';
import { type IxgbeDevice, type IxgbeOptions, openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import { EmulatedPciDevice } from '../../src/emulation/index.ts';
import { CheckedPacketPool } from '../../src/memory/checked-pool.ts';
import type { PciDevice } from '../../src/pci/pci-device.ts';
import { DriverLab } from './driver-lab.ts';
import { WrappedDevice } from './wrapped-device.ts';

export interface LabOptions extends Partial<IxgbeOptions> {
  readonly deviceId?: number;
  readonly strict?: boolean;
  /** What the driver gets in place of the device. Default: one that outlives its driver. */
  readonly wrap?: (device: EmulatedPciDevice) => PciDevice;
}

/** Packets beyond what fills the rings. */
const SPARE = 2048;

export class Lab extends DriverLab<IxgbeDevice, 'ixgbe'> {
  readonly device: EmulatedPciDevice;
  readonly options: LabOptions;

  constructor(options: LabOptions = {}) {
    const { rxQueues = 1, txQueues = 1, rxRingSize = 512, txRingSize = 512, deviceId = 0x10fb } = options;
    super(rxQueues * rxRingSize + txQueues * txRingSize + SPARE, (memory) => new CheckedPacketPool(memory));
    this.options = options;
    this.device = new EmulatedPciDevice({ wire: this.wire, deviceId, strict: options.strict ?? true });
  }

  /** Opens the driver; again, if it was closed. */
  async open(more: Partial<IxgbeOptions> = {}): Promise<IxgbeDevice> {
    const { deviceId: _id, strict: _strict, wrap, ...options } = this.options;
    const device = wrap ? wrap(this.device) : new WrappedDevice(this.device);
    return this.start((supplies) => openIxgbe(device, { ...supplies, ...options, ...more }));
  }
}

/** A lab whose driver is open and whose link is up. */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const lab = new Lab(options);
  await lab.open();
  await lab.nic.waitForLink();
  return lab;
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** A frame to `to` of `length` bytes (17 or more), with `number` in bytes 12 … 15 and content that follows from it. */
export function frame(number: number, length: number, to = BROADCAST): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => (number * 31 + i * 7) & 0xff);
  bytes.set(to.split(':').map((byte) => Number.parseInt(byte, 16)));
  bytes.set([2, 0, 0, 0, 0, 1], 6);
  new DataView(bytes.buffer).setUint32(12, number);
  return bytes;
}

export function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(12);
}

/** `toEqual` for frames, at a speed that allows for many of them. */
export function expectFrames(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  const same =
    actual.length === expected.length && actual.every((bytes, i) => Buffer.compare(bytes, expected[i]) === 0);
  if (!same) expect(actual).toEqual(expected);
}

/** The frame as a medium carries it: at least 60 bytes. */
export function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= 60) return bytes;
  const result = new Uint8Array(60);
  result.set(bytes);
  return result;
}
