/** The rings between the threads of a group, by their names. */
import { IxyError } from '../errors.ts';
import { MultiProducerRing, MultiRingConsumer } from '../memory/multi-producer-ring.ts';
import type { PacketPool } from '../memory/packet-pool.ts';
import { type PacketRingShare, RingConsumer, RingProducer } from '../memory/packet-ring.ts';
import type { SharedPool } from '../memory/shared-pool.ts';
import { knownOrNear } from '../near-match.ts';

/** A worker, by its index; or the thread that called `runWorkers`. */
export type GroupThread = number | 'main';

/** Packets from some threads of the group to one of them. */
export interface WorkerRing {
  readonly producers: readonly GroupThread[];
  readonly consumer: GroupThread;
  /** Packets under way from each producer: a power of two. Default 1024. */
  readonly capacity?: number;
}

/** Rings as plain data: by name, a lane for each producer. */
export type RingShares = Readonly<Record<string, readonly PacketRingShare[]>>;

/** The thread's member of the group's pool. */
export function memberOf(thread: GroupThread): number {
  return thread === 'main' ? 0 : thread + 1;
}

/**
 * Throws `ERR_ARGUMENT` for threads that there are not, for a ring without a producer or with the same one twice, and for one that
 * leads from a thread to itself.
 */
export function createRings(pool: SharedPool, rings: Readonly<Record<string, WorkerRing>>): RingShares {
  for (const [name, ring] of Object.entries(rings)) checkRing(pool, name, ring);
  const made = Object.entries(rings).map(([name, { producers, consumer, capacity }]): [string, PacketRingShare[]] => {
    const members = { producers: producers.map(memberOf), consumer: memberOf(consumer) };
    return [
      name,
      new MultiProducerRing(pool, { ...members, ...(capacity === undefined ? {} : { capacity }) }).shares(),
    ];
  });
  return Object.fromEntries(made);
}

function checkRing(pool: SharedPool, name: string, { producers, consumer }: WorkerRing): void {
  const refuse = (problem: string): never => {
    throw new IxyError('ERR_ARGUMENT', `ring '${name}' ${problem}`);
  };
  const unknown = [...producers, consumer].find((thread) => !isMember(pool, thread));
  if (unknown !== undefined) refuse(`is between workers 0 to ${pool.members - 2} and 'main', found ${unknown}`);
  if (producers.length === 0) refuse('needs at least one producer, found none');
  const twice = producers.find((producer, lane) => producers.indexOf(producer) !== lane);
  if (twice !== undefined) refuse(`has ${nameOf(twice)} as a producer twice; name each producer once`);
  if (producers.includes(consumer))
    refuse(`has ${nameOf(consumer)} as a producer and as the consumer; a ring leads to another thread`);
}

function nameOf(thread: GroupThread): string {
  return thread === 'main' ? "'main'" : `worker ${thread}`;
}

function isMember(pool: SharedPool, thread: GroupThread): boolean {
  const member = memberOf(thread);
  return Number.isInteger(member) && member >= 0 && member < pool.members && (thread === 'main' || thread >= 0);
}

/** One thread's ends of the rings. Each end is opened once, and belongs to that thread. */
export class RingEnds {
  readonly #shares: RingShares;
  readonly #pool: PacketPool;
  readonly #member: number;
  readonly #producers = new Map<string, RingProducer>();
  readonly #consumers = new Map<string, RingConsumer | MultiRingConsumer>();

  constructor(shares: RingShares, pool: PacketPool, member: number) {
    this.#shares = shares;
    this.#pool = pool;
    this.#member = member;
  }

  producer(name: string): RingProducer {
    const known = this.#producers.get(name);
    if (known) return known;
    const lane = this.#lanes(name).find(({ producer }) => producer === this.#member);
    if (!lane) throw new IxyError('ERR_ARGUMENT', `ring '${name}' does not have this thread among its producers`);
    const end = new RingProducer(lane, this.#pool);
    this.#producers.set(name, end);
    return end;
  }

  consumer(name: string): RingConsumer | MultiRingConsumer {
    const known = this.#consumers.get(name);
    if (known) return known;
    const lanes = this.#lanes(name);
    if (lanes.some(({ consumer }) => consumer !== this.#member)) {
      throw new IxyError('ERR_ARGUMENT', `ring '${name}' has another thread as its consumer`);
    }
    const [only] = lanes;
    const end = lanes.length === 1 ? new RingConsumer(only, this.#pool) : new MultiRingConsumer(lanes, this.#pool);
    this.#consumers.set(name, end);
    return end;
  }

  #lanes(name: string): readonly PacketRingShare[] {
    const lanes = this.#shares[name];
    if (lanes) return lanes;
    throw new IxyError('ERR_ARGUMENT', `there is no ring '${name}'; ${knownOrNear(name, Object.keys(this.#shares))}`);
  }
}
