/** Descriptors that are shared with another process. */
import { addon } from '../../native/addon.ts';

/** `_IO('T', 0x21)` of asm-generic/ioctls.h. */
const FIONBIO = 0x5421;
const YES = new Uint8Array([1, 0, 0, 0]);

/** Reads and writes return at once, for all who share what is open. Throws a system error. */
export function setNonBlocking(descriptor: number): void {
  addon().ioctl(descriptor, FIONBIO, YES);
}

/** Closes them all, whatever they are: some report at their end what went wrong before, which is not our concern. */
export function closeDescriptors(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) {
    try {
      addon().close(descriptor);
    } catch {
      // It is closed all the same.
    }
  }
}
