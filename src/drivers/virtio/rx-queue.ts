/** One receive queue, of either ring format: its tables and state, what it counts, and how it ends. */
import { NO_PACKET, type PacketPool } from '../../memory/packet-pool.ts';
import { specialise } from '../../specialise.ts';
import { checkedReceive, recordArmed } from '../checked-receive.ts';
import type { RxQueue as NetRxQueue, RxInterrupt } from '../net-device.ts';
import { createQueueState, createQueueTotals, restartPositions } from '../queue-memory.ts';
import { headerAddresses } from './header-addresses.ts';
import { createPackedRx } from './packed/rx.ts';
import { checkFeatures, queueAddresses, type RxQueueInit } from './queue-init.ts';
import { describeFault, type RingFault } from './ring-fault.ts';
import { type Receive, RX_CONSTANTS, type RxContext, type RxRing } from './rx-context.ts';
import { makeHashedReceive } from './rx-hashed.ts';
import { createSplitRx } from './split/rx.ts';
import type { QueueAddresses } from './transport.ts';

const { NO_BUFFER, BAD_FRAMES, PACKETS, BYTES } = RX_CONSTANTS;
/** Typed arrays of compiled bursts must not be tiny: V8 keeps the smallest on its heap, where they move. */
const STATE_WORDS = 32;
/** Most buffers replaced at once. */
const BLOCK = 32;

/**
 * A device's receive queue. In the order of its life: the constructor retains the pool; `start` writes the ring; `fill`
 * gives the device its buffers; `receive`; `stop`; and when the device has been reset, `reclaim`.
 */
export class VirtioRxQueue implements NetRxQueue {
  readonly pool: PacketPool;
  /** What to tell the device. */
  readonly addresses: QueueAddresses;
  /** See `NetRxQueue.receive`. Compiled by `start`; changed only by `stop`. */
  receive: Receive = () => 0;
  /** Given to the queue once its device interrupts. */
  interrupt: RxInterrupt | undefined = undefined;

  readonly #init: RxQueueInit;
  readonly #image: Float64Array;
  /** Positions and counters, and totals, in shared memory: for whom the queue is lent to. */
  readonly state: Int32Array;
  readonly totals: Float64Array;
  readonly #shadow: Int32Array;
  #abandoned = false;
  #ring: RxRing | undefined;

  /** Throws `ERR_DEVICE_UNSUPPORTED`: see `checkFeatures`. */
  constructor(init: RxQueueInit) {
    checkFeatures(init);
    const { pool, domain, size, features } = init;
    this.#init = init;
    const { state = createQueueState(), totals = createQueueTotals() } = init;
    restartPositions(state, [NO_BUFFER, BAD_FRAMES]);
    this.state = state;
    this.totals = totals;
    this.pool = pool;
    this.addresses = queueAddresses(init.kind, size, init.address);
    const addresses = pool.retain(domain);
    this.#image = features.separateHeader ? addresses.image : headerAddresses(addresses, features.headerBytes);
    this.#shadow = new Int32Array(Math.max(size, STATE_WORDS)).fill(NO_PACKET);
  }

  /** Frames handed over, and their bytes without the virtio header. */
  get packets(): number {
    return this.totals[PACKETS];
  }
  get bytes(): number {
    return this.totals[BYTES];
  }

  /** Times that buffers could not be replaced because the pool was empty. */
  get noBuffer(): number {
    return this.state[NO_BUFFER] >>> 0;
  }

  /** Frames dropped because they made no sense: no bytes, more than their buffers have, a header that points outside. */
  get badFrames(): number {
    return this.state[BAD_FRAMES] >>> 0;
  }

  /** Writes the descriptors and compiles the bursts; interrupts are off. `notify` rings the queue's doorbell. */
  start(notify: () => void): void {
    const create = this.#init.kind === 'packed' ? createPackedRx : createSplitRx;
    const context = this.#context(notify);
    this.#ring = create(this.#init, context);
    const { receive } = this.#ring;
    const hashed = this.#init.features.hashReport;
    const burst = hashed ? specialise('receive-hashed', makeHashedReceive)(context, receive) : receive;
    this.receive = checkedReceive(this.pool, this.#listHeld, burst);
  }

  /** Gives the device all the buffers that the ring takes or the pool has, and rings. Call after DRIVER_OK (3.1.1). */
  fill(): void {
    this.#ring?.refill();
    recordArmed(this.pool, this.#listHeld);
  }

  /**
   * From now on the next used buffer interrupts; `receive` once more before sleeping. Without EVENT_IDX every used buffer
   * does, until `disableInterrupt`.
   */
  enableInterrupt(): void {
    this.#ring?.enableInterrupt();
  }

  /** Asks the device not to interrupt; it may still. */
  disableInterrupt(): void {
    this.#ring?.disableInterrupt();
  }

  /** From now on `receive` finds nothing, and no buffer is replaced: the device is gone, broken, or about to be reset. */
  stop(): void {
    this.receive = () => 0;
    this.#ring = undefined;
  }

  /**
   * Gives all buffers in the ring back to the pool, and the pool back. The device, or its queue, must have been reset.
   * Idempotent.
   */
  reclaim(): void {
    if (this.#abandoned) return;
    for (let id = 0; id < this.#shadow.length; id++) {
      if (this.#shadow[id] !== NO_PACKET) this.pool.reclaim(this.#shadow[id]);
      this.#shadow[id] = NO_PACKET;
    }
    this.abandon();
  }

  /** Gives the pool back, and leaves the buffers in the ring to others: the device may still be using them. Idempotent. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.stop();
    this.pool.release(this.#init.domain);
  }

  #context(notify: () => void): RxContext {
    const { pool, size, features, maximumFrame } = this.#init;
    const { inOrder, eventIndex, mergeable, receiveChecksum, headerBytes, separateHeader } = features;
    const buffers = separateHeader ? size / 2 : size;
    return {
      constants: RX_CONSTANTS,
      pool,
      poolState: pool.state,
      freeStack: pool.stack,
      lengths: pool.length,
      links: pool.next,
      headrooms: pool.headroom,
      offloads: pool.offloads,
      checksumStarts: pool.checksumStart,
      checksumOffsets: pool.checksumOffset,
      hashes: pool.rssHash,
      addresses: this.#image,
      shadow: this.#shadow,
      state: this.state,
      totals: this.totals,
      headers: new Uint16Array(pool.memory.buffer, 0, pool.memory.size / 2),
      size,
      maximumLength: pool.dataSize,
      maximumSegments: mergeable ? Math.ceil((maximumFrame + headerBytes) / (pool.dataSize + headerBytes)) : 1,
      headerBytes,
      pairs: separateHeader,
      inOrder,
      eventIndex,
      mergeable,
      receiveChecksum,
      block: Math.max(1, Math.min(BLOCK, buffers >> 2)),
      notify,
      fail: this.#fail,
    };
  }

  readonly #fail = (fault: RingFault, value: number): void => {
    this.stop();
    this.#init.onBroken(describeFault(fault, value));
  };

  readonly #listHeld = (target: Int32Array): number => {
    let count = 0;
    for (const packet of this.#shadow) if (packet !== NO_PACKET) target[count++] = packet;
    return count;
  };
}
