/** Packets for a transmit ring, and what the device's side gets of them. */
import { expect } from 'vitest';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../../src/memory/packet-pool.ts';
import type { RingOptions, transmitter } from './ring-set-up.ts';
import { type Buffer, content } from './split-device.ts';

export type Transmitter = ReturnType<typeof transmitter>;

export interface Sent {
  readonly header: number[];
  readonly data: number[];
}

/** What the device gets in a buffer. */
export function sentIn({ features }: Transmitter, buffer: Buffer): Sent {
  expect(buffer.writable).toBe(false);
  const bytes = [...content(buffer)];
  return { header: bytes.slice(0, features.headerBytes), data: bytes.slice(features.headerBytes) };
}

/** The device sends everything, at once. */
export function send(set: Transmitter): Sent[] {
  const sent: Sent[] = [];
  for (let buffer = set.device.take(); buffer; buffer = set.device.take()) {
    sent.push(sentIn(set, buffer));
    set.device.use(buffer.id, 0);
  }
  return sent;
}

/** A batch of `count` packets, as far as the pool has them; data and headroom are not what they were in the last use. */
export function fresh(pool: PacketPool, count: number, length = 60): PacketBatch {
  const batch = new PacketBatch(Math.max(count, 1), pool);
  batch.allocate(pool, count);
  for (let i = 0; i < batch.length; i++) {
    const packet = batch.packets[i];
    pool.length[packet] = length;
    pool.bytes.fill(0xee, packet * pool.stride, (packet + 1) * pool.stride);
    pool.bytes[batch.offsets[i]] = i;
  }
  return batch;
}

/** A chain of three packets. */
export function chain(pool: PacketPool, lengths: readonly number[]): number {
  const batch = fresh(pool, lengths.length);
  lengths.forEach((length, i) => {
    pool.length[batch.packets[i]] = length;
    if (i > 0) pool.chain(batch.packets[0], batch.packets[i]);
  });
  return batch.packets[0];
}

export function dataOf(pool: PacketPool, packet: number): number[] {
  const bytes: number[] = [];
  for (let segment = packet; segment >= 0; segment = pool.next[segment]) {
    bytes.push(...pool.bytes.subarray(pool.offset(segment), pool.offset(segment) + pool.length[segment]));
  }
  return bytes;
}

/** What can be negotiated, as far as it matters to transmitting. */
export const VARIANTS: [string, RingOptions][] = [
  ['split, plain', {}],
  ['split, event indices', { eventIndex: true }],
  ['split, in order', { inOrder: true }],
  ['split, headers of 10 bytes', { headerBytes: 10 }],
  ['split, headers apart', { headerBytes: 10, separateHeader: true }],
  ['packed, plain', { kind: 'packed' }],
  ['packed, event indices', { kind: 'packed', eventIndex: true }],
  ['packed, in order', { kind: 'packed', inOrder: true }],
];
/** All of that, in checked mode and without. */
export const CASES = VARIANTS.flatMap(([name, options]) =>
  [true, false].map((checked): [string, RingOptions] => [`${name}, checked mode ${checked}`, { ...options, checked }]),
);
