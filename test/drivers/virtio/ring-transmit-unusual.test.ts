import { describe, expect, it } from 'vitest';
import { createPacketPool } from '../../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { type PacketPool, POOL_MOVED, POOL_SPECIAL } from '../../../src/memory/packet-pool.ts';
import { testMemory } from '../../support/memory.ts';
import { expectConserved, transmitter } from './ring-set-up.ts';
import { CASES, chain, dataOf, fresh, send, sentIn } from './transmit-side.ts';

describe.each(CASES)('a transmit ring: %s', (_, options) => {
  it('sends chains, and packets whose headroom was moved', () => {
    const set = transmitter({ ...options, maximumFrame: 9018, size: 16 });
    const { pool, queue } = set;
    for (let round = 0; round < 50; round++) {
      const batch = new PacketBatch(4, pool);
      batch.push(chain(pool, [2048, 100, 1 + round]));
      const [moved, cramped] = fresh(pool, 2).packets;
      pool.trimFront(moved, 20);
      pool.prepend(cramped, 60); // no room for a header in front
      batch.push(moved);
      batch.push(cramped);
      const expected = [...batch.packets.subarray(0, 3)].map((packet) => dataOf(pool, packet));
      expect(queue.transmit(batch)).toBe(3);
      const sent = send(set);
      expect(sent.map(({ data }) => data)).toEqual(expected);
      expect(sent.flatMap(({ header }) => header).every((byte) => byte === 0)).toBe(true);
      queue.transmit(new PacketBatch(1, pool));
    }
    expect(queue.dropped).toBe(0);
    queue.reclaim();
    expectConserved(pool);
  });

  it('changes between usual frames and others, time and again', () => {
    const set = transmitter({ ...options, size: options.separateHeader ? 16 : 8 });
    const { pool, queue, device } = set;
    const idle = new PacketBatch(1, pool);
    for (let round = 0; round < 300; round++) {
      const batch = fresh(pool, 1 + (round % 5));
      const [first, second] = batch.packets;
      if (round % 3 === 0) pool.prepend(first, 60); // no room for a header in front
      if (round % 7 === 1) pool.requestChecksum(first, 20, 6);
      if (round % 11 === 2 && batch.length === 3) {
        pool.chain(first, second);
        batch.packets[1] = batch.packets[--batch.length];
      }
      const packets = batch.packets.slice(0, batch.length);
      expect(queue.transmit(batch)).toBe(packets.length);
      const expected = [...packets].map((packet) => dataOf(pool, packet)); // checksums are complete now
      const sent: number[][] = [];
      const ids: number[] = [];
      for (let buffer = device.take(); buffer; buffer = device.take()) {
        sent.push(sentIn(set, buffer).data);
        ids.push(buffer.id);
      }
      expect(sent).toEqual(expected);
      if (!options.inOrder) ids.reverse();
      for (const id of ids) device.use(id, 0);
      if (round % 13 > 0) continue;
      queue.transmit(idle);
      expect([pool.state[POOL_MOVED], pool.state[POOL_SPECIAL]]).toEqual([0, 0]); // bursts from here on
    }
    expect(set.broken).toEqual([]);
    queue.reclaim();
    expectConserved(pool);
  });

  it('drops chains that are longer than the ring, or than any frame', () => {
    const set = transmitter({ ...options, maximumFrame: 9018, size: 8 });
    const { pool, queue } = set;
    const batch = new PacketBatch(4, pool);
    batch.push(chain(pool, new Array(9).fill(20)));
    batch.push(chain(pool, [2048, 2048, 2048, 2048, 2048]));
    batch.push(chain(pool, [20, 0, 20]));
    batch.push(chain(pool, [20, 20]));
    expect(queue.transmit(batch)).toBe(1);
    expect(queue.dropped).toBe(3);
    queue.reclaim();
    expectConserved(pool);
  });

  it('returns packets of several pools each to its own', () => {
    const set = transmitter(options);
    const { domain, pool, queue } = set;
    const other = createPacketPool(testMemory(2 ** 21), { checked: options.checked ?? true });
    for (let round = 0; round < 20; round++) {
      for (const source of [pool, other, other]) expect(queue.transmit(fresh(source, 3))).toBe(3);
      if (round % 3 === 0) send(set);
    }
    expect(pool.available).toBeLessThan(pool.capacity);
    queue.reclaim();
    expectConserved(pool);
    expectConserved(other);
    expect([...domain.mapped.keys()]).not.toContain(other.memory);
  });
});

describe('open checksums', () => {
  /** A frame whose last 20 bytes are covered by a checksum at their 4th byte, with 0x1234 of pseudo header in it. */
  function open(pool: PacketPool): PacketBatch {
    const batch = fresh(pool, 1);
    pool.requestChecksum(batch.packets[0], 40, 4);
    pool.bytes[batch.offsets[0] + 44] = 0x12;
    pool.bytes[batch.offsets[0] + 45] = 0x34;
    return batch;
  }

  it('are left to a device that takes them', () => {
    const set = transmitter({ transmitChecksum: true });
    set.queue.transmit(open(set.pool));
    const [{ header, data }] = send(set);
    expect(header).toEqual([1, 0, 0, 0, 0, 0, 40, 0, 4, 0, 0, 0]);
    expect(data.slice(44, 46)).toEqual([0x12, 0x34]);
  });

  it('are completed for all others', () => {
    const set = transmitter();
    set.queue.transmit(open(set.pool));
    const [{ header, data }] = send(set);
    expect(header).toEqual(new Array(12).fill(0));
    let sum = 0x1234; // over the pseudo header, and over the covered bytes with their checksum
    for (let i = 40; i < 60; i += 2) sum += (data[i] << 8) | data[i + 1];
    expect(((sum & 0xffff) + (sum >> 16)) & 0xffff).toBe(0xffff);
  });

  it('outside of their packet are not sent', () => {
    const set = transmitter();
    const batch = open(set.pool);
    set.pool.length[batch.packets[0]] = 45;
    expect(set.queue.transmit(batch)).toBe(0);
    expect(set.queue.dropped).toBe(1);
  });
});

describe('checked mode', () => {
  it('reports a packet that was written to after it had been sent', () => {
    const set = transmitter();
    const batch = fresh(set.pool, 1);
    const offset = batch.offsets[0];
    set.queue.transmit(batch);
    set.pool.bytes[offset + 3]++;
    send(set);
    expect(() => set.queue.transmit(batch)).toThrow(expect.objectContaining({ code: 'ERR_PACKET_OWNERSHIP' }));
    expect(set.queue.transmit(batch)).toBe(0);
    expectConserved(set.pool);
  });
});
