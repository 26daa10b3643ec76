/** What tests of hostile devices share, whatever the format of the ring. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../../src/memory/packet-pool.ts';
import { expectConserved, type receiver, type transmitter } from './ring-set-up.ts';
import type { RingDevice } from './split-device.ts';

export function useAll(device: RingDevice, ids: number[]): void {
  for (const id of ids) device.use(id, 72);
}

/** Fills `batch` with `count` packets of 60 bytes more. */
export function addPackets(batch: PacketBatch, pool: PacketPool, count: number): void {
  batch.allocate(pool, count);
  for (let i = 0; i < batch.length; i++) pool.length[batch.packets[i]] = 60;
}

/** Sends, lets the device `misbehave` with three buffers that it has, and expects the queue to end for that `reason`. */
export function expectTransmitEnds(
  set: ReturnType<typeof transmitter>,
  misbehave: (ids: number[]) => void,
  reason: RegExp,
): void {
  const { queue, device, pool } = set;
  const batch = new PacketBatch(64, pool);
  const send = (): number => {
    addPackets(batch, pool, 32);
    return queue.transmit(batch);
  };
  send();
  misbehave([0, 1, 2].flatMap(() => device.take()?.id ?? []));
  while (set.broken.length === 0 && send() > 0);
  expect(set.broken).toEqual([expect.stringMatching(reason)]);
  expect(send()).toBe(0);
  batch.free();
  queue.reclaim();
  expectConserved(pool);
}

/** A number written anywhere, or where it matters most. */
export interface Scribble<Where extends string> {
  readonly where: Where;
  readonly at: number;
  readonly value: number;
}

/** Up to a hundred of them, in the places named. */
export function scribbles<Where extends string>(...places: Where[]): fc.Arbitrary<Scribble<Where>[]> {
  const scribble = fc.record({
    where: fc.constantFrom(...places),
    at: fc.nat(4095),
    value: fc.oneof(fc.nat(70), fc.nat(0xffff), fc.integer()),
  });
  return fc.array(scribble, { maxLength: 100 });
}

/** Receives after each scribble, and keeps some packets for a while; in the end each is in one place. */
export function expectReceiveConserves<Where extends string>(
  { queue, pool, broken }: ReturnType<typeof receiver>,
  all: readonly Scribble<Where>[],
  write: (one: Scribble<Where>) => void,
): void {
  const kept: number[] = [];
  for (const one of all) {
    write(one);
    const batch = new PacketBatch(1 + (one.at & 31));
    const received = queue.receive(batch);
    expect(received).toBe(batch.length);
    kept.push(...batch.packets.subarray(0, batch.length));
    while (kept.length > 100) pool.free(kept.shift() ?? 0);
  }
  expect(broken.length).toBeLessThanOrEqual(1);
  queue.reclaim();
  expectConserved(pool, kept);
}

/** Sends after each scribble, chains among it; in the end each packet is in one place. */
export function expectTransmitConserves<Where extends string>(
  { queue, pool, broken }: ReturnType<typeof transmitter>,
  all: readonly Scribble<Where>[],
  write: (one: Scribble<Where>) => void,
): void {
  for (const one of all) {
    write(one);
    const batch = new PacketBatch(32, pool);
    addPackets(batch, pool, one.at & 31);
    if (batch.length > 1 && one.at % 7 === 0) {
      batch.length--;
      pool.chain(batch.packets[0], batch.packets[batch.length]);
    }
    const wanted = batch.length;
    expect(queue.transmit(batch)).toBe(wanted - batch.length);
    batch.free();
  }
  expect(broken.length).toBeLessThanOrEqual(1);
  queue.reclaim();
  expectConserved(pool);
}

/** Bytes in front of a packet, where its virtio header lies. */
export function scribbleOnHeader(pool: PacketPool, at: number, value: number): void {
  pool.bytes.fill(value, (at % 500) * pool.stride + 52, (at % 500) * pool.stride + 64);
}
