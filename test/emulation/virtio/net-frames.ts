/** Frames for tests of virtio-net: with checksums as they must be, and as a driver leaves them to its device. */
import { internetChecksum, pseudoHeaderSum4, udpChecksum } from '../../../src/packets/checksum.ts';

const NETWORK = 14;
const TRANSPORT = 34;
const UDP = 17;

/** An IPv4 UDP frame of `length` bytes (at least 42) whose checksums are right. */
export function udpFrame(length: number, seed = 1): Buffer {
  const frame = Buffer.alloc(length);
  for (let i = TRANSPORT + 8; i < length; i++) frame[i] = (i * 31 + seed) & 0xff;
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0], 0);
  frame.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, UDP, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2], NETWORK);
  frame.writeUInt16BE(length - NETWORK, NETWORK + 2);
  frame.writeUInt16BE(internetChecksum(frame, NETWORK, 20), NETWORK + 10);
  frame.set([4, 0, 4, 1], TRANSPORT);
  frame.writeUInt16BE(length - TRANSPORT, TRANSPORT + 4);
  const sum = pseudoHeaderSum4(frame, NETWORK, UDP, length - TRANSPORT);
  frame.writeUInt16BE(udpChecksum(internetChecksum(frame, TRANSPORT, length - TRANSPORT, sum)), TRANSPORT + 6);
  return frame;
}

/** The frame with the pseudo-header's sum alone where its checksum was. */
export function leaveChecksum(frame: Buffer): Buffer {
  const partial = Buffer.from(frame);
  partial.writeUInt16BE(pseudoHeaderSum4(frame, NETWORK, UDP, frame.length - TRANSPORT), TRANSPORT + 6);
  return partial;
}
