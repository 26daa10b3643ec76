/** Threads die between any two stores, while others go on: packets neither vanish nor appear twice. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hasOpenChecksum } from '../../src/memory/complete-checksum.ts';
import {
  DEFAULT_HEADROOM,
  NO_PACKET,
  POOL_MOVED,
  POOL_SPECIAL,
  POOL_TOP,
  SLOT_STRIDE,
} from '../../src/memory/packet-pool.ts';
import { PacketRing } from '../../src/memory/packet-ring.ts';
import { RING_HEAD, RING_RETURNED } from '../../src/memory/ring-state.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { Death, Member, mockAtomics, published } from '../support/dying-member.ts';
import { testMemory } from '../support/memory.ts';

const PAGE = 2 ** 21;
const CAPACITY = 64;

type Action = 'allocate' | 'free' | 'push' | 'pop' | 'decorate';

/** What a member does next, how much of it, and after how many stores it dies in it, or another is recovered; −1: never. */
interface Step {
  readonly who: number;
  readonly action: Action;
  readonly which: number;
  readonly count: number;
  readonly interruption: 'none' | 'death' | 'recovery';
  readonly stores: number;
}

/** Members with rings from each to each. */
class World {
  readonly shared: SharedPool;
  readonly rings: PacketRing[] = [];
  readonly members: Member[];
  readonly each: number;
  #recovering = false;
  #passing = false;
  /** In the middle of something. */
  #busy: Member | undefined;

  constructor(members: number, packetsEach: number, firstCounter: number, checked: boolean) {
    const memory = testMemory(members * packetsEach * SLOT_STRIDE, PAGE);
    this.shared = new SharedPool(memory, { members, checked });
    this.each = this.shared.capacity / members;
    for (let producer = 0; producer < members; producer++) {
      for (let consumer = 0; consumer < members; consumer++) {
        if (producer === consumer) continue;
        const ring = new PacketRing(this.shared, { capacity: CAPACITY, producer, consumer });
        ring.share().counters.fill(firstCounter);
        this.rings.push(ring);
      }
    }
    this.members = Array.from({ length: members }, (_, number) => new Member(number, this.shared, this.rings));
  }

  act(step: Step): void {
    const member = this.members[step.who % this.members.length];
    if (!member.alive) {
      // Not at once: others shall meet what it has left behind.
      if (step.count % 3 === 0) this.recover(member);
      return;
    }
    const { action, which, count } = step;
    const work = (): void => {
      if (action === 'allocate') member.allocate(count);
      if (action === 'free') member.free(count);
      if (action === 'push') member.push(which, count);
      if (action === 'pop') member.pop(which, count);
      if (action === 'decorate') member.decorate(which);
    };
    this.#busy = member;
    if (step.interruption === 'none') work();
    else member.interrupted(step.stores, step.interruption === 'death' ? die : () => this.recoverOne(), work);
    this.#busy = undefined;
  }

  recoverOne(): void {
    const dead = this.members.find(({ alive }) => !alive);
    if (dead) this.recover(dead);
  }

  recover(member: Member): void {
    if (this.#recovering) return;
    this.#recovering = true;
    this.shared.recover(member.number);
    this.#recovering = false;
    member.start();
  }

  /** While somebody is recovered, the others pass packets on. */
  meanwhile(): void {
    if (!this.#recovering || this.#passing) return;
    this.#passing = true;
    for (const [i, member] of this.members.entries()) {
      if (!member.alive || member === this.#busy) continue;
      member.pop(i, 5);
      member.push(i + 1, 4);
      member.free(1);
    }
    this.#passing = false;
  }

  /** Every packet is in one place, and where its holder says. Everybody is alive, and nobody in the middle of anything. */
  expectWhole(): void {
    const places = new Map<number, string>();
    const put = (packet: number, place: string): void => {
      expect(places.get(packet), `packet ${packet}, also ${place}`).toBeUndefined();
      places.set(packet, place);
    };
    const balance = this.members.map(() => 0);
    for (const { number, pool, hand } of this.members) {
      let [moved, special] = [0, 0];
      const free = pool.stack.subarray(0, pool.state[POOL_TOP]);
      for (const packet of free) {
        put(packet, `free, member ${number}`);
        expect([pool.next[packet], pool.headroom[packet]]).toEqual([NO_PACKET, DEFAULT_HEADROOM]);
      }
      for (const packet of hand) {
        for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) {
          put(segment, `in hand, member ${number}`);
          if (pool.headroom[segment] !== DEFAULT_HEADROOM) moved++;
          if (pool.next[segment] !== NO_PACKET) special++;
          if (hasOpenChecksum(pool, segment)) special++;
        }
      }
      expect([pool.state[POOL_MOVED], pool.state[POOL_SPECIAL]]).toEqual([moved, special]);
      balance[number] += pool.state[POOL_TOP];
    }
    for (const ring of this.rings) {
      const share = ring.share();
      const { producer, consumer, counters } = share;
      const there = published(share, 'there');
      const back = published(share, 'back');
      for (const packet of there) put(packet, `there, ${producer} to ${consumer}`);
      for (const packet of back) put(packet, `back, ${consumer} to ${producer}`);
      const debt = (counters[RING_HEAD] - counters[RING_RETURNED]) | 0;
      balance[producer] += there.length + back.length + debt;
      balance[consumer] -= debt;
    }
    expect(places.size).toBe(this.shared.capacity);
    const inHand = this.members.map(({ number }) =>
      [...places.values()].filter((at) => at === `in hand, member ${number}`),
    );
    expect(balance.map((count, member) => count + inHand[member].length)).toEqual(this.members.map(() => this.each));
    expect(this.members.reduce((sum, { number }) => sum + this.shared.held(number), 0)).toBe(this.shared.capacity);
  }

  /** Everything goes home. */
  settle(): void {
    for (const member of this.members) if (!member.alive) this.recover(member);
    this.expectWhole();
    for (let round = 0; round < 20; round++) {
      for (const member of this.members) {
        for (let ring = 0; ring < this.members.length; ring++) {
          member.pop(ring, 64);
          member.free(member.hand.length);
        }
        member.reap();
      }
    }
  }
}

function die(): never {
  throw new Death();
}

const step: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(3),
  action: fc.constantFrom<Action>('allocate', 'allocate', 'push', 'push', 'push', 'pop', 'pop', 'free', 'decorate'),
  which: fc.nat(7),
  count: fc.integer({ min: 1, max: 40 }),
  interruption: fc.constantFrom('none', 'none', 'none', 'death', 'recovery'),
  stores: fc.nat(150),
});

describe('packets that threads share', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([
    [2, false],
    [3, false],
    [4, false],
    [3, true],
  ])('are all there after whatever deaths: %i members, checked mode %s', (members, checked) => {
    const firstCounters = fc.constantFrom(0, 2 ** 31 - 70, -50);
    const property = (packets: number, firstCounter: number, steps: readonly Step[]): void => {
      const world = new World(members, packets, firstCounter, checked);
      mockAtomics(() => world.meanwhile());
      for (const step of steps) world.act(step);
      world.settle();
      for (const { number } of world.members) {
        expect([number, world.shared.view(number).available, world.shared.held(number)]).toEqual([
          number,
          world.each,
          world.each,
        ]);
      }
      expect(world.shared.available()).toBe(world.shared.capacity);
    };
    const steps = fc.array(step, { minLength: 20, maxLength: 200 });
    fc.assert(fc.property(fc.integer({ min: 20, max: 200 }), firstCounters, steps, property), {
      seed: 6,
      numRuns: checked ? 60 : 150,
    });
  });
});
