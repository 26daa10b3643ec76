/** A second look at the checksums of frames on the wire. */
import { checksumsValid, PacketStack } from '../../../src/packets/index.ts';

/** Whether all of a frame's are right. */
export function checksumsGood(frame: Uint8Array): boolean {
  const stack = new PacketStack();
  stack.parse(frame, 0, frame.length);
  return checksumsValid(frame, stack);
}
