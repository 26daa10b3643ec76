/** What fuzzers of devices have in common: how many cases there are, how one is repeated, and what no driver may do. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { Random } from '../../src/emulation/wires/random.ts';
import { IxyError } from '../../src/errors.ts';
import { CheckedPacketPool } from '../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { NO_PACKET, type PacketPool } from '../../src/memory/packet-pool.ts';

/** Cases in a usual run; in CI, or with IXY_FUZZ_CASES=10000, ten thousand. */
const USUAL_CASES = 600;
const CASES = Number(process.env.IXY_FUZZ_CASES ?? (process.env.CI ? 10_000 : USUAL_CASES));
/** One of them again: IXY_FUZZ_CASE=17. */
const ONLY = process.env.IXY_FUZZ_CASE;

/** Shared memory is none of V8's business: it would collect too late what refers to it. */
const COLLECTION_INTERVAL = 50;
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

export const FUZZ_TIMEOUT = 30_000 + 30 * CASES;

/** Runs `test` with random numbers of their own for each case. */
export async function fuzz(seed: number, test: (random: Random) => Promise<void>): Promise<void> {
  const first = Number(ONLY ?? 0);
  for (let number = first; number < (ONLY === undefined ? CASES : first + 1); number++) {
    await setImmediate(); // what drivers have put off
    if (number % COLLECTION_INTERVAL === 0) collect();
    try {
      await test(new Random(seed + number * 7919));
    } catch (cause) {
      throw new Error(`case ${number}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)];
}

/** What a device can cause. */
const CODES = ['ERR_DEVICE_FAILED', 'ERR_DEVICE_GONE', 'ERR_DEVICE_UNSUPPORTED', 'ERR_TIMEOUT'];

export function expectTyped(error: unknown): void {
  if (error instanceof IxyError && CODES.includes(error.code)) return;
  // More was asked for than the device says it has; any other such error would be an access to what is not there.
  if (error instanceof IxyError && error.code === 'ERR_ARGUMENT' && error.message.includes(', which the device'))
    return;
  throw error;
}

/** Calls what may fail because of the device, but in no other way. */
export function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    expectTyped(error);
  }
}

/** A program that forwards, keeps account of its packets, and finds out who gives it what is not its to have. */
export class Application {
  readonly #nic: NetDevice;
  readonly #pool: PacketPool;
  readonly #owned = new Set<number>();
  readonly #received = new PacketBatch(64);
  readonly #largest: number;

  /** `largest`: bytes in the longest frame that makes sense. */
  constructor(nic: NetDevice, pool: PacketPool, largest: number) {
    this.#nic = nic;
    this.#pool = pool;
    this.#largest = largest;
  }

  /** Receives a burst, and keeps it. */
  receive(queue: number): void {
    const batch = this.#received;
    const received = this.#nic.rx[queue].receive(batch);
    expect(received).toBe(batch.length);
    for (let i = 0; i < received; i++) this.#adopt(batch.packets[i]);
    batch.length = 0;
  }

  /** Sends up to `count` packets: those that it has, and new ones. */
  send(queue: number, count: number): void {
    const batch = new PacketBatch(Math.max(1, count), this.#pool);
    for (const packet of [...this.#owned].slice(0, count)) batch.push(packet);
    while (batch.length < count && this.#pool.available > 0) batch.push(this.#make());
    const before = [...batch.packets.subarray(0, batch.length)];
    try {
      this.#nic.tx[queue].transmit(batch);
    } catch (error) {
      // Checked mode takes for the application's doing what a device does that once had the packet.
      if (!(error instanceof IxyError && error.message.includes('while the device owned it'))) throw error;
    }
    for (const packet of before.slice(0, before.length - batch.length)) this.#owned.delete(packet);
    for (const packet of batch.packets.subarray(0, batch.length)) this.#owned.add(packet);
  }

  /** Gives back all that it has. */
  finish(): void {
    for (const packet of this.#owned) this.#pool.free(packet);
    this.#owned.clear();
  }

  #make(): number {
    const packet = this.#pool.allocate();
    this.#pool.length[packet] = 60;
    return packet;
  }

  /** A packet that is the application's from now on, with all its segments. */
  #adopt(packet: number): void {
    const pool = this.#pool;
    let total = 0;
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
      if (this.#owned.has(segment) || segment >= pool.length.length) throw new Error(`packet ${segment} came twice`);
      if (pool instanceof CheckedPacketPool) expect(pool.owners[segment]).toBe(1);
      const fits = pool.length[segment] > 0 && pool.headroom[segment] + pool.length[segment] <= pool.stride;
      if (!fits) throw new Error(`packet ${segment} has ${pool.length[segment]} bytes`);
      total += pool.length[segment];
    }
    expect(total).toBeLessThanOrEqual(this.#largest);
    this.#owned.add(packet);
  }
}
