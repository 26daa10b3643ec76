/** Doorbells of the modern interface: a queue's index, in 16 bits, where the queue's notification address is (4.1.5.2). */
import type { RegisterFile } from '../../../pci/pci-device.ts';

export const DOORBELL_BYTES = 2;

/**
 * What rings the doorbell of queue `index`, `offset` bytes from the BAR's begin. Where the BAR is memory that is a
 * plain store (see `RegisterFile.doorbells`): a register's write may be a system call, or a wait for another thread.
 * `guard` makes what such a write may throw harmless.
 */
export function makeDoorbell(
  registers: RegisterFile,
  offset: number,
  index: number,
  guard: (write: () => void) => () => void,
): () => void {
  const { buffer, byteOffset, byteLength } = registers.doorbells;
  if (offset + DOORBELL_BYTES > byteLength) return guard(() => registers.write16(offset, index));
  const halves = new Uint16Array(buffer, byteOffset, byteLength / DOORBELL_BYTES);
  const half = offset / DOORBELL_BYTES;
  return () => {
    halves[half] = index;
  };
}
