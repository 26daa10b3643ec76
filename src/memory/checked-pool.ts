/**
 * Checked mode: a pool that knows who owns each packet, and turns double free, leak and use after send into errors that
 * name the packet. Queues that see such a pool record what they take and give; see checked-receive.ts and
 * transmit-audit.ts in drivers/.
 */
import { IxyError } from '../errors.ts';
import type { DmaMemory } from './dma-memory.ts';
import { NO_PACKET, PacketPool, type PacketPoolOptions, POOL_TOP } from './packet-pool.ts';
import type { PoolPart } from './pool-tables.ts';

/** Who may touch a packet. */
export const OWNER_POOL = 0;
export const OWNER_APPLICATION = 1;
export const OWNER_RX_RING = 2;
export const OWNER_TX_RING = 3;
export const OWNER_PACKET_RING = 4;

const OWNER_NAMES = [
  'the pool (it is free)',
  'the application',
  'a receive ring',
  'a transmit ring',
  'a ring to another thread',
];

/** What freed buffers are filled with; anything else found there later was written after the free. */
const POISON = 0x6b;

/** A pool that checks who owns what. Its errors are `ERR_PACKET_OWNERSHIP` and name the packet. */
export class CheckedPacketPool extends PacketPool {
  /** By packet: one of `OWNER_…`. */
  readonly owners: Uint8Array;

  constructor(memory: DmaMemory, options: PacketPoolOptions = {}, part?: PoolPart) {
    super(memory, options, part);
    this.owners = part?.membership.owners ?? new Uint8Array(this.length.length);
    if (!part) this.resetFree();
  }

  /** Makes all free packets the pool's, and fills them with the pattern. */
  resetFree(): void {
    for (let i = 0; i < this.state[POOL_TOP]; i++) this.assignSegment(this.stack[i], OWNER_POOL);
  }

  override allocate(): number {
    const packet = super.allocate();
    if (packet !== NO_PACKET) this.#handOut(packet);
    return packet;
  }

  override take(target: Int32Array, from: number, count: number): number {
    const taken = super.take(target, from, count);
    for (let i = from; i < from + taken; i++) this.#handOut(target[i]);
    return taken;
  }

  override free(packet: number): void {
    this.expect(packet, OWNER_APPLICATION, 'freed');
    super.free(packet);
  }

  override give(source: Int32Array, from: number, count: number): void {
    for (let i = from; i < from + count; i++) this.free(source[i]);
  }

  override close(): void {
    const leaked = this.ownedBy(OWNER_APPLICATION);
    super.close();
    if (leaked.length === 0) return;
    const named = leaked.slice(0, 8).join(', ') + (leaked.length > 8 ? ', …' : '');
    throw new IxyError(
      'ERR_PACKET_OWNERSHIP',
      `${this.name}: closed while the application still owned ${leaked.length} packets (${named}); free or send them first`,
    );
  }

  /** Packets that `owner` has, ascending. */
  ownedBy(owner: number): number[] {
    const free = new Set(this.stack.subarray(0, this.state[POOL_TOP]));
    const { owners } = this;
    return [...owners.keys()].filter((packet) => owners[packet] === owner && !free.has(packet) && this.#isHere(packet));
  }

  /** Throws unless every segment of `packet` belongs to `owner`; `action` completes the message. */
  expect(packet: number, owner: number, action: string): void {
    let segments = 0;
    for (let segment = packet; segment !== NO_PACKET; segment = this.next[segment]) {
      const found = this.owners[segment];
      const circular = ++segments > this.length.length;
      if (found === owner && !circular && this.#isHere(segment)) continue;
      const why = circular ? 'its chain has no end' : this.#whereabouts(segment);
      throw new IxyError('ERR_PACKET_OWNERSHIP', `${this.name}: packet ${segment} cannot be ${action}: ${why}`);
    }
  }

  /** Makes `owner` the owner of every segment of `packet`. */
  assign(packet: number, owner: number): void {
    for (let segment = packet; segment !== NO_PACKET; segment = this.next[segment]) this.assignSegment(segment, owner);
  }

  /** Makes `owner` the owner of one buffer. */
  assignSegment(segment: number, owner: number): void {
    this.owners[segment] = owner;
    if (owner === OWNER_POOL) this.#poison(segment);
  }

  /** Throws if a free buffer has been written to. */
  expectUntouched(segment: number): void {
    const begin = segment * this.stride;
    const touched = this.bytes.subarray(begin, begin + this.stride).findIndex((byte) => byte !== POISON);
    if (touched < 0) return;
    throw new IxyError(
      'ERR_PACKET_OWNERSHIP',
      `${this.name}: packet ${segment} was written to (byte ${touched} of its slot) after it had been freed`,
    );
  }

  protected override freeSegment(segment: number): void {
    super.freeSegment(segment);
    this.assignSegment(segment, OWNER_POOL);
  }

  /** Whether this thread has the packet; a pool that no threads share has all of them. */
  #isHere(packet: number): boolean {
    return !this.membership || this.membership.holder[packet] === this.membership.member;
  }

  #whereabouts(packet: number): string {
    if (!this.#isHere(packet)) return `it is with member ${this.membership?.holder[packet]}, on another thread`;
    return `it belongs to ${OWNER_NAMES[this.owners[packet]] ?? 'nobody: no such packet'}`;
  }

  #handOut(packet: number): void {
    this.expect(packet, OWNER_POOL, 'allocated');
    this.expectUntouched(packet);
    this.owners[packet] = OWNER_APPLICATION;
  }

  #poison(segment: number): void {
    const begin = segment * this.stride;
    this.bytes.fill(POISON, begin, begin + this.stride);
  }
}

/** Whether this process asked for checked mode. */
export function checkedByDefault(): boolean {
  return process.env.IXY_CHECK === '1';
}

/** A pool over `memory`, which it takes over: checked where `checked` says so, by default where IXY_CHECK is 1. */
export function createPacketPool(
  memory: DmaMemory,
  options: PacketPoolOptions & { readonly checked?: boolean } = {},
  part?: PoolPart,
): PacketPool {
  return (options.checked ?? checkedByDefault())
    ? new CheckedPacketPool(memory, options, part)
    : new PacketPool(memory, options, part);
}
