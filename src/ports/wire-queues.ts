/** Packets of a pool, moved to and from a wire without a NIC between them. */
import type { RxQueue, TxQueue } from '../drivers/net-device.ts';
import type { FrameSink, WireEnd } from '../emulation/wire.ts';
import { FrameCopier } from '../emulation/wires/frame-copier.ts';
import { closeChecksum } from '../memory/complete-checksum.ts';
import type { PacketBatch } from '../memory/packet-batch.ts';
import { NO_PACKET, type PacketPool } from '../memory/packet-pool.ts';

/** The longest frame that is sent: what fits behind a 16-bit length, as in IP. */
const LONGEST_FRAME = 65_535;

/** Nanoseconds of a monotonic clock: the time that wires pace and delay by. */
function nanoseconds(): number {
  return performance.now() * 1e6;
}

export class WireRxQueue implements RxQueue, FrameSink {
  readonly pool: PacketPool;
  /** Times that a frame had to wait on the wire because the pool was empty. */
  noBuffer = 0;
  readonly #wire: WireEnd;
  readonly #copier: FrameCopier;
  readonly #onIdle: () => void;
  #batch: PacketBatch | undefined;

  /** `onIdle` is called when there was nothing to receive. */
  constructor(wire: WireEnd, pool: PacketPool, onIdle: () => void) {
    this.#wire = wire;
    this.pool = pool;
    this.#copier = new FrameCopier(pool.bytes);
    this.#onIdle = onIdle;
  }

  receive(batch: PacketBatch): number {
    batch.adopt(this.pool);
    this.#batch = batch;
    const received = this.#wire.poll(this, batch.capacity - batch.length, nanoseconds());
    if (received === 0) this.#onIdle();
    return received;
  }

  /** Called by the wire: copies the frame to one buffer, or to a chain of them. An empty pool leaves it on the wire. */
  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    const { pool } = this;
    const batch = this.#batch;
    if (!batch || Math.ceil(length / pool.dataSize) > pool.available) {
      this.noBuffer++;
      return false;
    }
    const packet = this.#copyToBuffer(bytes, offset, length);
    let last = packet;
    for (let copied = pool.dataSize; copied < length; copied += pool.dataSize) {
      const segment = this.#copyToBuffer(bytes, offset + copied, length - copied);
      pool.chain(last, segment);
      last = segment;
    }
    batch.push(packet);
    return true;
  }

  #copyToBuffer(bytes: Uint8Array, offset: number, length: number): number {
    const { pool } = this;
    const packet = pool.allocate();
    const part = Math.min(length, pool.dataSize);
    this.#copier.copy(bytes, offset, pool.offset(packet), part);
    pool.length[packet] = part;
    return packet;
  }
}

const nothing: FrameSink = { deliver: () => false };

export class WireTxQueue implements TxQueue {
  readonly #wire: WireEnd;
  readonly #copier = new FrameCopier(new Uint8Array(LONGEST_FRAME + 1));
  /** Packets dropped because they were longer than any frame. */
  tooLong = 0;
  /** Packets dropped because their checksum was left open, and does not lie inside. */
  badChecksum = 0;
  readonly #onBurst: () => void;

  /** `onBurst` is called after each burst. */
  constructor(wire: WireEnd, onBurst: () => void) {
    this.#wire = wire;
    this.#onBurst = onBurst;
  }

  /**
   * Packets of any pool; checksums left open are completed. The wire takes a frame before this returns, so what was sent is
   * back in its pool then.
   */
  transmit(batch: PacketBatch): number {
    const { pool, packets, length } = batch;
    this.#wire.poll(nothing, 0, nanoseconds()); // lets time pass on the wire of a loop that only sends
    let sent = 0;
    while (sent < length && this.#send(pool, packets[sent])) sent++;
    if (sent > 0) {
      pool.give(packets, 0, sent);
      batch.shift(sent);
    }
    this.#onBurst();
    return sent;
  }

  /** Always 0: the wire has taken what was sent. */
  pending(): number {
    return 0;
  }

  #send(pool: PacketPool, packet: number): boolean {
    if (!closeChecksum(pool, packet)) {
      this.badChecksum++;
      return true;
    }
    if (pool.next[packet] !== NO_PACKET) return this.#sendChain(pool, packet);
    return this.#wire.deliver(pool.bytes, pool.offset(packet), pool.length[packet]);
  }

  #sendChain(pool: PacketPool, first: number): boolean {
    let length = 0;
    for (let segment = first; segment !== NO_PACKET; segment = pool.next[segment]) {
      const part = pool.length[segment];
      if (length + part > LONGEST_FRAME) {
        this.tooLong++;
        return true;
      }
      this.#copier.copy(pool.bytes, pool.offset(segment), length, part);
      length += part;
    }
    return this.#wire.deliver(this.#copier.target, 0, length);
  }
}
