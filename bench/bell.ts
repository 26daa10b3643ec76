/**
 * The thread that stands in for a NIC while waking up is measured: it puts a frame into the receive ring, as the 82599
 * writes descriptors back (datasheet rev 3.4, 7.1.6.2), notes the time, and interrupts through an eventfd, as the kernel
 * does for VFIO. Nothing of an emulated NIC is in between.
 */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { nap } from '../src/nap.ts';
import type { BellOrder } from './wake-up.ts';

const DESCRIPTOR_WORDS = 4;
const DONE_AND_END_OF_PACKET = 3;
const FRAME_LENGTH = 60;
// Milliseconds between two frames: a loop falls asleep in the least.
const LEAST_GAP = 0.5;
const GAPS = 2;

const { frames, seed, ring, eventfd, received, deliveredAt } = workerData as BellOrder;
const one = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Numbers from 0 to 1, the same each time (xorshift). */
let state = seed;
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
}

for (let frame = 0; frame < frames; frame++) {
  Atomics.wait(received, 0, frame - 1);
  nap(LEAST_GAP + GAPS * random());
  const descriptor = (frame * DESCRIPTOR_WORDS) % ring.length;
  ring[descriptor] = 0;
  ring[descriptor + 1] = 0;
  ring[descriptor + 3] = FRAME_LENGTH;
  deliveredAt[0] = Number(process.hrtime.bigint());
  Atomics.store(ring, descriptor + 2, DONE_AND_END_OF_PACKET);
  writeSync(eventfd, one);
}
