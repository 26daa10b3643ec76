/** One of the two threads between which packets pass. */
import { workerData } from 'node:worker_threads';
import { PacketBatch, type PacketRingShare, type PoolShare, RingConsumer, RingProducer, SharedPool } from 'ixy.ts';
import { nap } from '../src/nap.ts';
import { loadSystemCalls } from './addon.ts';

export interface PassingOrder {
  readonly cpu: number;
  readonly pool: PoolShare;
  readonly ring: PacketRingShare;
  readonly burst: number;
  readonly packets: number;
  readonly rounds: number;
  /** How often a thread has come to where both meet. */
  readonly meeting: Int32Array;
  /** The word that goes to and fro. */
  readonly ball: Int32Array;
  /** Nanoseconds, by round: of a round trip of the ball, and until all packets had passed. */
  readonly roundTrips: Float64Array;
  readonly passes: Float64Array;
}

/** Until V8 has compiled everything, which it does on other threads: they need these threads' processors. */
const WARM_UP_ROUNDS = 10;
const WARM_UP_PACKETS = 200_000;
const PAUSE_MILLISECONDS = 20;
const ROUND_TRIPS = 20_000;
/** In the middle of `ball`, alone in its cache line. */
const WORD = 32;

const order = workerData as PassingOrder;
const { ball, burst, meeting, packets, ring, rounds } = order;
const pool = SharedPool.attach(order.pool);
const batch = new PacketBatch(burst);
const isProducer = pool.membership?.member === ring.producer;
const pass = isProducer ? makeProduce(new RingProducer(ring, pool)) : makeConsume(new RingConsumer(ring, pool));

function makeProduce(end: RingProducer): (count: number) => void {
  return (count) => {
    for (let sent = 0; sent < count; ) {
      batch.allocate(pool, count - sent);
      sent += end.transmit(batch);
    }
  };
}

function makeConsume(end: RingConsumer): (count: number) => void {
  return (count) => {
    for (let taken = 0; taken < count; ) {
      taken += end.receive(batch);
      batch.free();
    }
  };
}

/** Lets both threads rest, and go on at the same time. */
let meetings = 0;
function meet(): void {
  meetings += 2;
  Atomics.add(meeting, 0, 1);
  Atomics.notify(meeting, 0);
  for (let here = Atomics.load(meeting, 0); here < meetings; here = Atomics.load(meeting, 0)) {
    Atomics.wait(meeting, 0, here);
  }
}

function rest(): void {
  nap(PAUSE_MILLISECONDS);
  meet();
}

/** Nanoseconds per round trip. The ball counts up; each thread waits for numbers of its own, odd or even. */
function playBall(round: number): number {
  const begin = round * 2 * ROUND_TRIPS;
  const time = timed(() => {
    for (let turn = begin + (isProducer ? 0 : 1); turn < begin + 2 * ROUND_TRIPS; turn += 2) {
      while (Atomics.load(ball, WORD) !== turn);
      Atomics.store(ball, WORD, turn + 1);
    }
  });
  return time / ROUND_TRIPS;
}

function timed(work: () => void): number {
  const begin = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - begin);
}

loadSystemCalls().setAffinity([order.cpu]);
for (let round = 0; round < WARM_UP_ROUNDS; round++) {
  rest();
  pass(WARM_UP_PACKETS);
}
for (let round = 0; round < rounds; round++) {
  rest();
  const passing = timed(() => pass(packets));
  rest();
  const roundTrip = playBall(round);
  if (isProducer) continue;
  order.passes[round] = passing;
  order.roundTrips[round] = roundTrip;
}
