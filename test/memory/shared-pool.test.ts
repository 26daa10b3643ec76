import { describe, expect, it } from 'vitest';
import { CheckedPacketPool } from '../../src/memory/checked-pool.ts';
import { allocateSharedMemory } from '../../src/memory/memfd-memory.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { DEFAULT_HEADROOM, NO_PACKET, SLOT_STRIDE } from '../../src/memory/packet-pool.ts';
import { PacketRing, RingProducer } from '../../src/memory/packet-ring.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { TestDomain, testMemory } from '../support/memory.ts';

const PAGE = 2 ** 21;

function poolOf(packets: number, members: number, checked = false): SharedPool {
  return new SharedPool(testMemory(packets * SLOT_STRIDE, PAGE), { members, checked, name: 'test' });
}

describe('a shared pool', () => {
  it('gives each member an equal part of the packets, and no packet to two', () => {
    const shared = poolOf(100, 3);
    const all = [0, 1, 2].flatMap((member) => {
      const pool = shared.view(member);
      expect([pool.capacity, pool.available, shared.held(member)]).toEqual([33, 33, 33]);
      return Array.from({ length: 33 }, () => pool.allocate());
    });
    expect(new Set(all).size).toBe(99);
    expect(all).not.toContain(NO_PACKET);
    expect(shared.view(0).allocate()).toBe(NO_PACKET);
    expect([shared.capacity, shared.available(), shared.held(1)]).toEqual([99, 0, 33]);
  });

  it('never hands out a buffer that straddles a page', () => {
    const shared = new SharedPool(testMemory(PAGE, 4096), { members: 2 });
    for (const pool of [shared.view(0), shared.view(1)]) {
      for (let packet = pool.allocate(); packet !== NO_PACKET; packet = pool.allocate()) {
        const first = pool.offset(packet) - DEFAULT_HEADROOM;
        expect(Math.floor(first / 4096)).toBe(Math.floor((first + SLOT_STRIDE - 1) / 4096));
      }
    }
  });

  it('is the same packets wherever a member attaches', () => {
    const memory = allocateSharedMemory(PAGE);
    const shared = new SharedPool(memory, { members: 2 });
    const [here, there] = [shared.view(1), SharedPool.attach(shared.share(1))];
    const packet = there.allocate();
    there.length[packet] = 60;
    there.bytes[there.offset(packet)] = 17;
    expect([here.length[packet], here.bytes[here.offset(packet)]]).toEqual([60, 17]);
    expect([here.available, here.name]).toEqual([there.available, there.name]);
    there.close();
    expect(here.bytes[here.offset(packet)]).toBe(17);
    shared.close();
    expect(memory.descriptor).toBe(-1);
  });

  it('makes a share that can be posted', () => {
    const shared = poolOf(10, 2);
    const pool = SharedPool.attach(structuredClone(shared.share(1)));
    pool.allocate();
    expect([shared.view(1).available, shared.available()]).toEqual([4, 9]);
  });

  it('gives the memory back once it is closed and no device of this thread uses it', () => {
    const memory = testMemory(PAGE);
    const shared = new SharedPool(memory, { members: 2 });
    const domain = new TestDomain();
    shared.view(1).retain(domain);
    shared.close();
    expect(memory.freed).toBe(false);
    shared.view(1).release(domain);
    expect(memory.freed).toBe(true);
    shared.close();
  });

  it('refuses members that it does not have, and less than a packet for each', () => {
    const shared = poolOf(10, 2);
    for (const call of [
      () => shared.view(2),
      () => shared.share(-1),
      () => shared.held(0.5),
      () => shared.recover(2),
    ]) {
      expect(call).toThrow(/test: member must be an integer from 0 to 1/);
    }
    expect(() => poolOf(10, 11)).toThrow(/hold no packet for each of 11/);
    expect(() => poolOf(10, 0)).toThrow(/from 1 to 255/);
  });
});

describe('a member that has died', () => {
  it('leaves all its packets, as good as new', () => {
    const shared = poolOf(100, 2);
    const pool = shared.view(1);
    const [first, second, third] = [pool.allocate(), pool.allocate(), pool.allocate()];
    pool.length[first] = 60;
    pool.chain(first, second);
    pool.prepend(third, 10);
    pool.requestChecksum(first, 0, 0);
    expect(shared.recover(1)).toBe(3);
    expect([pool.available, shared.held(1), shared.available()]).toEqual([50, 50, 100]);
    expect([pool.next[first], pool.headroom[third], pool.offloads[first]]).toEqual([NO_PACKET, DEFAULT_HEADROOM, 0]);
    expect([...pool.state.subarray(1, 3)]).toEqual([0, 0]);
    expect(shared.recover(1)).toBe(0);
  });

  it('does not leave what it has passed on', () => {
    const shared = poolOf(200, 2);
    const ring = new PacketRing(shared, { capacity: 64, producer: 1, consumer: 0 });
    const batch = new PacketBatch(40);
    batch.allocate(shared.view(1), 40);
    batch.length = 30;
    new RingProducer(ring.share(), shared.view(1)).transmit(batch);
    expect(shared.recover(1)).toBe(10);
    expect([shared.view(1).available, shared.held(1)]).toEqual([70, 100]);
  });

  it('leaves the other members alone', () => {
    const shared = poolOf(100, 2);
    shared.view(0).allocate();
    shared.view(1).allocate();
    shared.recover(1);
    expect([shared.view(0).available, shared.view(1).available]).toEqual([49, 50]);
  });
});

describe('a shared pool in checked mode', () => {
  it('finds a packet that is freed twice, on another thread too', () => {
    const shared = poolOf(100, 2, true);
    const [here, there] = [shared.view(1), SharedPool.attach(shared.share(1))];
    expect(there).toBeInstanceOf(CheckedPacketPool);
    const packet = here.allocate();
    expect(() => shared.view(0).free(packet)).toThrow(
      `test, member 0: packet ${packet} cannot be freed: it is with member 1`,
    );
    there.free(packet);
    expect(() => here.free(packet)).toThrow(/it is free/);
  });

  it('finds what was written to after it had been freed, by whomever', () => {
    const shared = poolOf(100, 2, true);
    const pool = shared.view(1);
    const packet = pool.allocate();
    pool.free(packet);
    shared.view(0).bytes[pool.offset(packet)] = 1;
    expect(() => pool.allocate()).toThrow(`packet ${packet} was written to`);
  });

  it('takes what a dead member had for free, and what the living have not', () => {
    const shared = poolOf(100, 2, true);
    const pool = shared.view(1);
    const packet = pool.allocate();
    pool.bytes[pool.offset(packet)] = 1;
    const kept = shared.view(0).allocate();
    expect(shared.recover(1)).toBe(1);
    for (let i = 0; i < pool.capacity; i++) expect(pool.allocate()).not.toBe(NO_PACKET);
    shared.recover(1);
    expect(() => shared.close()).toThrow(`the application still owned 1 packets (${kept})`);
  });
});
