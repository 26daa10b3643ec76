/** Where frames arrive, and where software says that they will: what the proofs of receive side scaling share. */
import fc from 'fast-check';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../src/memory/packet-pool.ts';
import { RSS_FIELDS, RSS_KEY_NAMES, rssHash, rssQueueOf } from '../../src/packets/index.ts';

/** A lab of either kind. */
interface RssLab {
  readonly nic: NetDevice;
  readonly pool: PacketPool;
  settle(): number;
  read(packet: number): Uint8Array;
}

interface Arrival {
  readonly queue: number;
  readonly frame: Uint8Array;
  readonly hash: number;
}

/** What arrives anywhere, by queues. `done` is what becomes of each burst; default: it is freed. */
export function arrivals(lab: RssLab, done = (batch: PacketBatch, _queue: number): void => batch.free()): Arrival[] {
  const found: Arrival[] = [];
  const batch = new PacketBatch(32);
  lab.settle();
  for (const [queue, rx] of lab.nic.rx.entries()) {
    while (rx.receive(batch) > 0) {
      for (let i = 0; i < batch.length; i++) {
        const packet = batch.packets[i];
        found.push({ queue, frame: lab.read(packet), hash: lab.pool.rssHash[packet] });
      }
      done(batch, queue);
    }
  }
  return found;
}

/** By what the port says of itself. */
export function predict(lab: RssLab, bytes: Uint8Array): Arrival {
  const rss = lab.nic.rss?.();
  if (!rss) throw new Error('RSS is off');
  return {
    queue: rssQueueOf(bytes, 0, bytes.length, rss),
    frame: bytes,
    hash: rss.hash ? rssHash(bytes, 0, bytes.length, rss) : 0,
  };
}

/** What may be asked of a port with `queues` receive queues. */
export function rssChanges(queues: number) {
  return fc.record(
    {
      queues: fc.oneof(
        fc.integer({ min: 1, max: queues }),
        fc.array(fc.integer({ min: 0, max: queues - 1 }), { minLength: 1, maxLength: 9 }),
      ),
      key: fc.oneof(fc.constantFrom(...RSS_KEY_NAMES), fc.uint8Array({ minLength: 40, maxLength: 40 })),
      fields: fc.subarray([...RSS_FIELDS]),
    },
    { requiredKeys: [] },
  );
}
