/** The arrays that a packet pool is made of: in memory of one thread, or in memory that several threads share. */
import type { DmaMemory } from './dma-memory.ts';
import { DEFAULT_HEADROOM, SLOT_STRIDE, straddlesPage } from './packet-slots.ts';
import { NO_PACKET, POOL_TOP } from './pool-state.ts';

/** What is known about each packet, by its number: see `PacketPool`. */
interface PacketTables {
  readonly length: Uint16Array;
  readonly headroom: Uint16Array;
  readonly offloads: Uint8Array;
  readonly checksumStart: Uint16Array;
  readonly checksumOffset: Uint16Array;
  readonly rssHash: Uint32Array;
  readonly next: Int32Array;
}

/** Whose packets are free: see `PacketPool`. */
interface FreeList {
  /** Packets that exist, free or not. */
  readonly capacity: number;
  readonly stack: Int32Array;
  readonly state: Int32Array;
}

interface PoolTables extends PacketTables, FreeList {}

/** Which of the threads that share packets a pool is for. */
export interface Membership {
  /** Tells all pools over the same packets from others. */
  readonly shared: string;
  readonly member: number;
  /** By packet: the member that has it. */
  readonly holder: Uint8Array;
  /** By packet: who owns it, in checked mode; else undefined. */
  readonly owners: Uint8Array | undefined;
}

/** The part of a `SharedPool` that is one thread's. */
export interface PoolPart {
  readonly tables: PoolTables;
  readonly membership: Membership;
}

/**
 * Bytes from one free list's state to the next. Typed arrays of up to 64 bytes lie on the JavaScript heap and move, and V8
 * makes only others constants; and what several threads write must not share cache lines, which come in pairs of 64 bytes.
 */
const STATE_STRIDE = 256;

/** Makes `size` zeroed bytes: an ArrayBuffer, or a SharedArrayBuffer for tables that threads share. */
export type Allocate = (size: number) => ArrayBuffer | SharedArrayBuffer;

/** Slots in `memory`, usable or not. */
export function slotsIn(memory: DmaMemory): number {
  return Math.floor(memory.size / SLOT_STRIDE);
}

/** The slots of `memory` that devices can be given as buffers, ascending. */
export function usableSlots(memory: DmaMemory): Int32Array {
  const usable = new Int32Array(slotsIn(memory));
  let count = 0;
  for (let slot = 0; slot < usable.length; slot++) {
    if (!straddlesPage(slot, memory.pageSize)) usable[count++] = slot;
  }
  return usable.subarray(0, count);
}

/** Tables for `slots` packets: single buffers, with default headroom. */
export function packetTables(slots: number, allocate: Allocate): PacketTables {
  return {
    length: new Uint16Array(allocate(2 * slots)),
    headroom: new Uint16Array(allocate(2 * slots)).fill(DEFAULT_HEADROOM),
    offloads: new Uint8Array(allocate(slots)),
    checksumStart: new Uint16Array(allocate(2 * slots)),
    checksumOffset: new Uint16Array(allocate(2 * slots)),
    rssHash: new Uint32Array(allocate(4 * slots)),
    next: new Int32Array(allocate(4 * slots)).fill(NO_PACKET),
  };
}

/** Free lists, one for each of `members`, of `capacity` packets each: the first ones of `usable`, the next ones, … */
export function freeLists(
  usable: Int32Array,
  slots: number,
  capacity: number,
  members: number,
  allocate: Allocate,
): FreeList[] {
  const states = allocate(members * STATE_STRIDE);
  return Array.from({ length: members }, (_, member) => {
    // Any packet may come to lie on any list, for a while all of them.
    const stack = new Int32Array(allocate(4 * slots));
    const state = new Int32Array(states, member * STATE_STRIDE, STATE_STRIDE / 4);
    stack.set(usable.subarray(member * capacity, (member + 1) * capacity).toReversed());
    state[POOL_TOP] = capacity;
    return { capacity, stack, state };
  });
}

/** Tables of a pool that has all of `memory` for itself. */
export function privateTables(memory: DmaMemory): PoolTables {
  const allocate = (size: number): ArrayBuffer => new ArrayBuffer(size);
  const usable = usableSlots(memory);
  const slots = slotsIn(memory);
  const [freeList] = freeLists(usable, slots, usable.length, 1, allocate);
  return { ...packetTables(slots, allocate), ...freeList };
}
