/**
 * Checked mode for receive rings. Burst functions are not touched: what they took and gave is the difference of what the
 * ring holds before and after each burst. For pools without checks nothing is paid.
 */
import { CheckedPacketPool, OWNER_APPLICATION, OWNER_POOL, OWNER_RX_RING } from '../memory/checked-pool.ts';
import type { PacketPool } from '../memory/packet-pool.ts';
import type { RxQueue } from './net-device.ts';

/**
 * Writes to `target` all buffers that a ring holds, in any order, each once, and returns how many: those armed or filled
 * by the device and not yet looked at, and segments of a frame that is still arriving.
 */
type ListHeld = (target: Int32Array) => number;

/** Records that the ring holds what it holds; for the first fill. */
export function recordArmed(pool: PacketPool, listHeld: ListHeld): void {
  if (!(pool instanceof CheckedPacketPool)) return;
  const held = new Int32Array(pool.owners.length);
  const count = listHeld(held);
  for (let i = 0; i < count; i++) pool.assignSegment(held[i], OWNER_RX_RING);
}

/** `receive`, or where the pool is a checked one, `receive` with bookkeeping. */
export function checkedReceive(pool: PacketPool, listHeld: ListHeld, receive: RxQueue['receive']): RxQueue['receive'] {
  if (!(pool instanceof CheckedPacketPool)) return receive;
  const before = new Int32Array(pool.owners.length);
  const after = new Int32Array(pool.owners.length);
  /** By packet: the last burst after which the ring held it. */
  const heldAfter = new Float64Array(pool.owners.length);
  let bursts = 0;
  return (batch) => {
    const first = batch.length;
    const countBefore = listHeld(before);
    const received = receive(batch);
    const countAfter = listHeld(after);
    bursts++;
    for (let i = 0; i < countAfter; i++) {
      heldAfter[after[i]] = bursts;
      pool.assignSegment(after[i], OWNER_RX_RING);
    }
    for (let i = first; i < batch.length; i++) pool.assign(batch.packets[i], OWNER_APPLICATION);
    for (let i = 0; i < countBefore; i++) {
      const packet = before[i];
      const dropped = pool.owners[packet] === OWNER_RX_RING && heldAfter[packet] !== bursts;
      if (dropped) pool.assignSegment(packet, OWNER_POOL);
    }
    return received;
  };
}
