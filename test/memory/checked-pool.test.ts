import { describe, expect, it } from 'vitest';
import { CheckedPacketPool, createPacketPool, OWNER_TX_RING } from '../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { testMemory } from '../support/memory.ts';

const ownership = expect.objectContaining({ code: 'ERR_PACKET_OWNERSHIP' });
const checkedPool = () => new CheckedPacketPool(testMemory(2 ** 21), { name: 'test pool' });

describe('checked mode', () => {
  it('is chosen by option, and costs another class only then', () => {
    expect(createPacketPool(testMemory(2 ** 21), { checked: true })).toBeInstanceOf(CheckedPacketPool);
    expect(createPacketPool(testMemory(2 ** 21), { checked: false }).constructor).toBe(PacketPool);
  });

  it('catches a double free and names the packet', () => {
    const pool = checkedPool();
    const packet = pool.allocate();
    pool.free(packet);
    expect(() => pool.free(packet)).toThrow(ownership);
    expect(() => pool.free(packet)).toThrow(new RegExp(`packet ${packet} cannot be freed: it belongs to the pool`));
  });

  it('catches a double free through a batch, and loses nothing', () => {
    const pool = checkedPool();
    const batch = new PacketBatch(4);
    batch.allocate(pool, 2);
    pool.free(batch.packets[1]);
    expect(() => batch.free()).toThrow(ownership);
    expect(pool.available).toBe(pool.capacity);
  });

  it('catches the free of a packet that a ring owns', () => {
    const pool = checkedPool();
    const packet = pool.allocate();
    pool.assign(packet, OWNER_TX_RING);
    expect(() => pool.free(packet)).toThrow(/belongs to a transmit ring/);
  });

  it('catches a write after free at the next allocation', () => {
    const pool = checkedPool();
    const packet = pool.allocate();
    const offset = pool.offset(packet);
    pool.free(packet);
    pool.bytes[offset + 5] = 1;
    expect(() => pool.allocate()).toThrow(/was written to \(byte 69 of its slot\) after it had been freed/);
  });

  it('catches a packet that does not exist, and a chain without end', () => {
    const pool = checkedPool();
    expect(() => pool.free(pool.length.length)).toThrow(/no such packet/);
    const packet = pool.allocate();
    pool.next[packet] = packet;
    expect(() => pool.free(packet)).toThrow(/no end/);
  });

  it('reports leaks when the pool is closed, and closes it all the same', () => {
    const memory = testMemory(2 ** 21);
    const pool = new CheckedPacketPool(memory, { name: 'test pool' });
    const packet = pool.allocate();
    expect(() => pool.close()).toThrow(new RegExp(`still owned 1 packets \\(${packet}\\)`));
    expect(memory.freed).toBe(true);
  });
});
