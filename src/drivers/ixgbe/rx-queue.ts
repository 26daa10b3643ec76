/** One receive ring: its state, and the burst function that suits its frames. */
import type { DmaDomain } from '../../memory/dma-memory.ts';
import { NO_PACKET, type PacketPool } from '../../memory/packet-pool.ts';
import { specialise } from '../../specialise.ts';
import { checkedReceive, recordArmed } from '../checked-receive.ts';
import type { RxQueue as NetRxQueue, RxInterrupt } from '../net-device.ts';
import { createQueueState, restartPositions } from '../queue-memory.ts';
import { makeRearm, makeReceive } from './rx-burst.ts';
import { type Receive, RX_CONSTANTS, type RxContext } from './rx-context.ts';
import { makeHashedReceive } from './rx-hashed.ts';
import { makeScatteredReceive } from './rx-scattered.ts';

const { NEXT, EMPTY, NO_BUFFER, BAD_FRAMES, CHAIN_HEAD } = RX_CONSTANTS;
/**
 * Descriptors armed at once. One block stays empty and another must be before any is armed: blocks of half a ring would
 * let it run dry each time, so that the shortest rings have smaller ones.
 */
const BLOCK = 32;
const BLOCKS_IN_RING = 4;

const noRearm = (): void => {};

export interface RxQueueInit {
  /** The ring's memory, zeroed, four words a descriptor. */
  readonly ring: Int32Array;
  readonly pool: PacketPool;
  /** The device's address space; the queue retains the pool in it until `reclaim`. */
  readonly domain: DmaDomain;
  readonly doorbells: Int32Array;
  /** Index of this queue's RDT in `doorbells`. */
  readonly doorbell: number;
  /** Bytes in the longest frame, without CRC; beyond `pool.dataSize` frames arrive in chains. */
  readonly maximumFrame: number;
  /** Write packets' hashes to `pool.rssHash`. */
  readonly hash: boolean;
  /** Positions, which begin anew, and counters, which go on. Default: a state of its own. */
  readonly state?: Int32Array;
}

export class RxQueue implements NetRxQueue {
  readonly pool: PacketPool;
  /** See `NetRxQueue.receive`. Compiled for this queue; changed only by `stop`. */
  receive: Receive;
  /** Given to the queue once its device interrupts. */
  interrupt: RxInterrupt | undefined = undefined;
  /** Whether it writes packets' hashes. */
  readonly hash: boolean;

  readonly #context: RxContext;
  readonly #domain: DmaDomain;
  readonly #rearm: () => void;
  #abandoned = false;

  constructor(init: RxQueueInit) {
    const { ring, pool, hash } = init;
    this.hash = hash;
    const size = ring.length / 4;
    const { state = createQueueState() } = init;
    restartPositions(state, [NO_BUFFER, BAD_FRAMES]);
    state[EMPTY] = size;
    state[CHAIN_HEAD] = NO_PACKET;
    this.pool = pool;
    this.#domain = init.domain;
    this.#context = {
      constants: RX_CONSTANTS,
      pool,
      poolState: pool.state,
      freeStack: pool.stack,
      lengths: pool.length,
      links: pool.next,
      hashes: pool.rssHash,
      addresses: pool.retain(init.domain).image,
      ring,
      ring64: new Float64Array(ring.buffer, ring.byteOffset, ring.length / 2),
      shadow: new Int32Array(size),
      state,
      doorbells: init.doorbells,
      doorbell: init.doorbell,
      size,
      block: Math.min(BLOCK, size / BLOCKS_IN_RING),
      maximumLength: pool.dataSize,
      maximumSegments: Math.ceil(init.maximumFrame / pool.dataSize),
    };
    this.#rearm = specialise('rearm', makeRearm)(this.#context);
    const scattered = init.maximumFrame > pool.dataSize;
    const factory = scattered ? makeScatteredReceive : makeReceive;
    const burst = specialise(scattered ? 'receive-scattered' : 'receive', factory);
    const receive = hash
      ? specialise('receive-hashed', makeHashedReceive)(this.#context, burst(this.#context, noRearm), this.#rearm)
      : burst(this.#context, this.#rearm);
    this.receive = checkedReceive(pool, this.#listHeld, receive);
  }

  /** Positions and counters, in shared memory: for whom the queue is lent to. */
  get state(): Int32Array {
    return this.#context.state;
  }

  /** Times that the ring could not be re-armed because the pool was empty. */
  get noBuffer(): number {
    return this.#context.state[NO_BUFFER] >>> 0;
  }

  /** Frames dropped because their descriptor made no sense: an error bit, no bytes, more bytes than the buffer has. */
  get badFrames(): number {
    return this.#context.state[BAD_FRAMES] >>> 0;
  }

  /** Arms the ring and tells the device. Call once the queue is enabled (82599 datasheet 4.6.7.1). */
  fill(): void {
    this.#rearm();
    recordArmed(this.pool, this.#listHeld);
  }

  /** From now on `receive` finds nothing, and arms nothing: the device is gone, or about to be. */
  stop(): void {
    this.receive = () => 0;
  }

  /** Gives all buffers in the ring back to the pool, and the pool back. The device must have stopped. Idempotent. */
  reclaim(): void {
    if (this.#abandoned) return;
    const { state, shadow, size } = this.#context;
    for (; state[EMPTY] < size; state[EMPTY]++) {
      this.pool.reclaim(shadow[state[NEXT]]);
      state[NEXT] = (state[NEXT] + 1) & (size - 1);
    }
    if (state[CHAIN_HEAD] !== NO_PACKET) this.pool.reclaim(state[CHAIN_HEAD]);
    state[CHAIN_HEAD] = NO_PACKET;
    this.abandon();
  }

  /** Gives the pool back, and leaves the buffers in the ring to others: the device may still be using them. Idempotent. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.stop();
    this.pool.release(this.#domain);
  }

  readonly #listHeld = (target: Int32Array): number => {
    const { state, shadow, size } = this.#context;
    const armed = size - state[EMPTY];
    for (let i = 0; i < armed; i++) target[i] = shadow[(state[NEXT] + i) & (size - 1)];
    let count = armed;
    for (let segment = state[CHAIN_HEAD]; segment !== NO_PACKET; segment = this.pool.next[segment]) {
      target[count++] = segment;
    }
    return count;
  };
}
