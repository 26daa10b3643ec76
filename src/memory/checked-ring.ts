/** Checked mode for rings between threads. For pools without checks nothing is paid. */
import { CheckedPacketPool, OWNER_APPLICATION, OWNER_PACKET_RING } from './checked-pool.ts';
import type { PacketBatch } from './packet-batch.ts';
import type { PacketPool } from './packet-pool.ts';

type Burst = (batch: PacketBatch) => number;

/** `transmit`, or where the pool is a checked one, `transmit` of packets that the application owns, and after it does not. */
export function checkedTransmit(pool: PacketPool, transmit: Burst): Burst {
  if (!(pool instanceof CheckedPacketPool)) return transmit;
  const assignAll = (batch: PacketBatch, owner: number): void => {
    for (let i = 0; i < batch.length; i++) pool.assign(batch.packets[i], owner);
  };
  return (batch) => {
    if (batch.pool !== pool) return transmit(batch);
    for (let i = 0; i < batch.length; i++) pool.expect(batch.packets[i], OWNER_APPLICATION, 'passed on');
    // Ahead of the burst: the consumer may be quicker than this thread.
    assignAll(batch, OWNER_PACKET_RING);
    const queued = transmit(batch);
    assignAll(batch, OWNER_APPLICATION);
    return queued;
  };
}

/** `receive`, or where the pool is a checked one, `receive` that makes the application the owner of what it took. */
export function checkedReceive(pool: PacketPool, receive: Burst): Burst {
  if (!(pool instanceof CheckedPacketPool)) return receive;
  return (batch) => {
    const first = batch.length;
    const received = receive(batch);
    for (let i = first; i < batch.length; i++) pool.assign(batch.packets[i], OWNER_APPLICATION);
    return received;
  };
}
