import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checksumIsInside,
  closeChecksum,
  completeChecksum,
  hasOpenChecksum,
} from '../../src/memory/complete-checksum.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { internetChecksum } from '../../src/packets/checksum.ts';
import { testMemory } from '../support/memory.ts';

/** A packet with `data` cut into segments of the lengths given, and what is left. */
function packetOf(pool: PacketPool, data: Uint8Array, lengths: readonly number[]): number {
  const segments: number[] = [];
  let done = 0;
  for (const length of [...lengths, data.length]) {
    const part = data.subarray(done, done + length);
    if (part.length === 0) continue;
    const segment = pool.allocate();
    pool.bytes.set(part, pool.offset(segment));
    pool.length[segment] = part.length;
    segments.push(segment);
    done += part.length;
  }
  for (const segment of segments.slice(1)) pool.chain(segments[0], segment);
  return segments[0];
}

function bytesOf(pool: PacketPool, packet: number): Uint8Array {
  const bytes: number[] = [];
  for (let segment = packet; segment >= 0; segment = pool.next[segment]) {
    bytes.push(...pool.bytes.subarray(pool.offset(segment), pool.offset(segment) + pool.length[segment]));
  }
  return Uint8Array.from(bytes);
}

describe('a checksum completed in software', () => {
  it('is right over any chain, segments of odd lengths included', () => {
    const property = (data: Uint8Array, start: number, lengths: number[]): void => {
      const pool = new PacketPool(testMemory(2 ** 21));
      const packet = packetOf(pool, data, [start + 8 + (lengths[0] ?? 0), ...lengths.slice(1)]);
      pool.requestChecksum(packet, start, 6);
      expect(hasOpenChecksum(pool, packet)).toBe(true);
      completeChecksum(pool, packet);
      expect(hasOpenChecksum(pool, packet)).toBe(false);
      const done = bytesOf(pool, packet);
      const field = start + 6;
      const expected = internetChecksum(data, start, data.length - start) || 0xffff;
      expect((done[field] << 8) | done[field + 1]).toBe(expected);
      done.set(data.subarray(field, field + 2), field);
      expect(Buffer.from(done).equals(data)).toBe(true);
    };
    const data = fc.uint8Array({ minLength: 60, maxLength: 200 });
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 });
    fc.assert(fc.property(data, fc.nat(40), lengths, property), { seed: 8, numRuns: 500 });
  });

  it('is never 0, which means none to UDP', () => {
    const pool = new PacketPool(testMemory(2 ** 21));
    const packet = packetOf(pool, Uint8Array.of(0xff, 0xff, 0, 0, 0, 0), []);
    pool.requestChecksum(packet, 0, 2);
    completeChecksum(pool, packet);
    expect([...bytesOf(pool, packet)]).toEqual([0xff, 0xff, 0xff, 0xff, 0, 0]);
  });

  it('lies inside of its packet, unless that was cut since', () => {
    const pool = new PacketPool(testMemory(2 ** 21));
    const packet = packetOf(pool, new Uint8Array(60), []);
    pool.requestChecksum(packet, 42, 16);
    expect(checksumIsInside(pool, packet)).toBe(true);
    pool.length[packet]--;
    expect(checksumIsInside(pool, packet)).toBe(false);
  });

  it('is closed where it was open, and only if it lies inside', () => {
    const pool = new PacketPool(testMemory(2 ** 21));
    const packet = packetOf(pool, new Uint8Array(60), []);
    expect(closeChecksum(pool, packet)).toBe(true);
    expect(bytesOf(pool, packet)).toEqual(new Uint8Array(60));
    pool.requestChecksum(packet, 34, 6);
    expect(closeChecksum(pool, packet)).toBe(true);
    expect([...bytesOf(pool, packet).subarray(40, 42)]).toEqual([0xff, 0xff]);
    pool.requestChecksum(packet, 34, 6);
    pool.length[packet] = 41;
    expect([closeChecksum(pool, packet), hasOpenChecksum(pool, packet)]).toEqual([false, true]);
  });

  it('moves with the data when headers are put before or taken off', () => {
    const pool = new PacketPool(testMemory(2 ** 21));
    const packet = packetOf(pool, new Uint8Array(60), []);
    pool.requestChecksum(packet, 20, 16);
    pool.prepend(packet, 30);
    expect(pool.checksumStart[packet]).toBe(50);
    pool.trimFront(packet, 44);
    expect([pool.checksumStart[packet], checksumIsInside(pool, packet)]).toEqual([6, true]);
    pool.trimFront(packet, 7);
    expect(checksumIsInside(pool, packet)).toBe(false);
  });
});
