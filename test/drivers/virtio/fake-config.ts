/** Configuration space of fakes: 256 bytes with capabilities. */
import type { PciConfigSpace } from '../../../src/pci/pci-device.ts';
import { memoryAccess, registerFile } from './fake-registers.ts';

export const COMMON_OFFSET = 0;
export const ISR_OFFSET = 0x40;
export const DEVICE_OFFSET = 0x80;
export const NOTIFY_OFFSET = 0x100;
const NOTIFY_BYTES = 0x100;
export const BAR_BYTES = 0x200;
export const MODERN_BAR = 4;
export const NOTIFY_MULTIPLIER = 4;

export const MSIX_CONTROL = 0x92;
const MSIX_ENABLE = 0x8000;

/** Bytes of a virtio capability: type, BAR, offset, size, and the doorbells' multiplier. */
export function virtioCapability(
  type: number,
  bar: number,
  offset: number,
  size: number,
  multiplier?: number,
): number[] {
  const words = multiplier === undefined ? [offset, size] : [offset, size, multiplier];
  const length = 8 + 4 * words.length;
  return [
    9,
    0,
    length,
    type,
    bar,
    0,
    0,
    0,
    ...words.flatMap((word) => [0, 8, 16, 24].map((by) => (word >>> by) & 255)),
  ];
}

export class FakeConfig {
  readonly bytes = new DataView(new ArrayBuffer(256));
  readonly space: PciConfigSpace;

  constructor(deviceId: number, { modern, msix }: { readonly modern: boolean; readonly msix: boolean }) {
    this.bytes.setUint16(0, 0x1af4, true);
    this.bytes.setUint16(2, deviceId, true);
    const { size, doorbells, ...accesses } = registerFile(256, memoryAccess(this.bytes));
    this.space = accesses;
    const vendor = [
      virtioCapability(1, MODERN_BAR, COMMON_OFFSET, 0x38),
      virtioCapability(2, MODERN_BAR, NOTIFY_OFFSET, NOTIFY_BYTES, NOTIFY_MULTIPLIER),
      virtioCapability(3, MODERN_BAR, ISR_OFFSET, 1),
      virtioCapability(4, MODERN_BAR, DEVICE_OFFSET, 24),
    ];
    let at = 0x40;
    for (const capability of modern ? vendor : []) {
      this.put(at, capability);
      at += capability.length;
    }
    if (msix) this.put(MSIX_CONTROL - 2, [0x11, 0, 7, 0]);
  }

  /** Appends a capability to the list. */
  put(at: number, capability: readonly number[]): void {
    let link = 0x34;
    while (this.bytes.getUint8(link) !== 0) link = this.bytes.getUint8(link) + 1;
    this.bytes.setUint8(link, at);
    this.bytes.setUint16(6, 0x10, true);
    for (const [i, byte] of capability.entries()) this.bytes.setUint8(at + i, byte);
  }

  get msixEnabled(): boolean {
    return (this.bytes.getUint16(MSIX_CONTROL, true) & MSIX_ENABLE) !== 0;
  }

  set msixEnabled(enabled: boolean) {
    const others = this.bytes.getUint16(MSIX_CONTROL, true) & ~MSIX_ENABLE;
    this.bytes.setUint16(MSIX_CONTROL, enabled ? others | MSIX_ENABLE : others, true);
  }
}
