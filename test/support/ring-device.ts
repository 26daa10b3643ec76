/** The device's side of rings in memory: completes descriptors by the datasheet's formats, and nothing else. */
import type { PacketPool } from '../../src/memory/packet-pool.ts';

/** Where a test's address space begins; see TestDomain. */
export const BASE = 0x12_3456_0000;

const address = (low: number, high: number) => (high >>> 0) * 2 ** 32 + (low >>> 0) - BASE;

export interface Completion {
  readonly length: number;
  /** Status and error word; default DD and EOP. */
  readonly status?: number;
}

/** Fills armed receive descriptors. */
export class ReceiveSide {
  readonly ring: Int32Array;
  readonly doorbells = new Int32Array(new SharedArrayBuffer(4));
  readonly #pool: PacketPool;
  head = 0;
  sequence = 0;

  constructor(size: number, pool: PacketPool) {
    this.ring = new Int32Array(new SharedArrayBuffer(size * 16));
    this.#pool = pool;
  }

  get armed(): number {
    const size = this.ring.length / 4;
    return (this.doorbells[0] - this.head + size) % size;
  }

  /** Delivers one segment, its first byte a running number; false if no descriptor is armed. */
  deliver({ length, status = 3 }: Completion): boolean {
    if (this.armed === 0) return false;
    const word = this.head * 4;
    if (this.ring[word + 2] !== 0 || this.ring[word + 3] !== 0) throw new Error(`descriptor ${this.head} is not clear`);
    this.#pool.bytes[address(this.ring[word], this.ring[word + 1])] = this.sequence++;
    this.ring.set([0, 0, status, length], word);
    this.head = (this.head + 1) % (this.ring.length / 4);
    return true;
  }
}

interface SentSegment {
  readonly offset: number;
  readonly length: number;
  readonly end: boolean;
  readonly payload: number;
}

/** Sends queued descriptors. */
export class TransmitSide {
  readonly ring: Int32Array;
  readonly doorbells = new Int32Array(new SharedArrayBuffer(4));
  readonly sent: SentSegment[] = [];
  reports = 0;
  head = 0;

  constructor(size: number) {
    this.ring = new Int32Array(new SharedArrayBuffer(size * 16));
  }

  /** Sends up to `count` descriptors. */
  send(count = Number.POSITIVE_INFINITY): void {
    const size = this.ring.length / 4;
    for (let n = 0; n < count && this.head !== this.doorbells[0]; n++) {
      const [low, high, command, status] = this.ring.subarray(this.head * 4, this.head * 4 + 4);
      this.sent.push({
        offset: address(low, high),
        length: command & 0xffff,
        end: (command & (1 << 24)) !== 0,
        payload: status >>> 14,
      });
      if (command & (1 << 27)) {
        this.ring[this.head * 4 + 3] = 1;
        this.reports++;
      }
      this.head = (this.head + 1) % size;
    }
  }
}
