/**
 * Statistics (datasheet rev 3.4, section 8.2.3.23). The data path adds to plain totals that never wrap; what a register
 * shows is worked out when it is read: the total less what was there at the last read.
 */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { statistics } from '../../datasheet/ixgbe/statistics.ts';
import type { Register } from '../../datasheet/registers.ts';
import type { ModelContext } from './context.ts';

/** Counter sets that queues share (RQSMR, TQSM). */
const SETS = 16;
const QUEUES = 128;
const BUCKETS = 6;

// Totals of one direction. Six buckets of frames by size come first.
export const FRAME_BYTES = BUCKETS;
export const MULTICASTS = BUCKETS + 1;
export const BROADCASTS = BUCKETS + 2;
/** Good frames that no filter lets pass. */
export const FILTERED = BUCKETS + 3;
export const FILTERED_BYTES = BUCKETS + 4;
/** Frames that passed the filters and found no room (MPC). */
export const MISSED = BUCKETS + 5;
export const MISSED_BYTES = BUCKETS + 6;
export const OVERSIZED = BUCKETS + 7;
export const OVERSIZED_BYTES = BUCKETS + 8;
/** Received packets with a wrong checksum of IPv4, TCP, UDP or SCTP. */
export const CHECKSUM_ERRORS = BUCKETS + 9;
/** Received packets that Flow Director looked up, and found or did not find. */
export const FLOW_HITS = BUCKETS + 10;
export const FLOW_MISSES = BUCKETS + 11;
/** PAUSE frames that the MAC kept, and those that it obeyed: with a time to pause, and without. */
export const CONTROLS = BUCKETS + 12;
export const CONTROL_BYTES = BUCKETS + 13;
export const XOFFS = BUCKETS + 14;
export const XONS = BUCKETS + 15;
const TOTALS = BUCKETS + 16;

/** Size bucket of a frame, by its bytes with CRC. */
export const BUCKET_OF = new Uint8Array(1 << 14);
for (let size = 0; size < BUCKET_OF.length; size++) {
  BUCKET_OF[size] = size <= 64 ? 0 : size <= 127 ? 1 : size <= 255 ? 2 : size <= 511 ? 3 : size <= 1023 ? 4 : 5;
}

/** What one direction counts: totals for the port, and for each queue packets, bytes and drops. */
export class Traffic {
  readonly totals = new Float64Array(TOTALS);
  readonly queuePackets = new Float64Array(QUEUES);
  readonly queueBytes = new Float64Array(QUEUES);
  readonly queueDrops = new Float64Array(QUEUES);

  get frames(): number {
    let sum = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) sum += this.totals[bucket];
    return sum;
  }
}

type Formula = (index: number) => number;

export class Statistics {
  readonly rx = new Traffic();
  readonly tx = new Traffic();
  readonly #context: ModelContext;
  readonly #formulas: Readonly<Record<string, Formula>>;
  /** What each counter had reached when it was last read, by name and index. */
  readonly #read = new Map<string, Float64Array>();
  /** Upper halves, latched when the lower half is read; NaN once they were read themselves. */
  readonly #upper = new Map<string, Float64Array>();

  constructor(context: ModelContext) {
    this.#context = context;
    this.#formulas = this.#makeFormulas();
    for (const [name, register] of Object.entries<Register>(statistics)) {
      const { counter } = register;
      if (!counter) continue;
      this.#read.set(name, new Float64Array(register.length));
      const { high } = counter;
      if (high) this.#connectPair(name, register, high);
      else {
        const maximum = 2 ** counter.bits - 1;
        context.registers.onRead(register, (_stored, index) => Math.min(this.#take(name, index), maximum));
      }
    }
  }

  /** All counters begin at 0 again. */
  reset(): void {
    for (const [name, read] of this.#read) for (let i = 0; i < read.length; i++) read[i] = this.#total(name, i);
    for (const upper of this.#upper.values()) upper.fill(0);
  }

  #connectPair(name: string, low: Register, highName: string): void {
    const { registers, judge } = this.#context;
    const latched = new Float64Array(low.length);
    this.#upper.set(highName, latched);
    registers.onRead(low, (_stored, index) => {
      const value = Math.min(this.#take(name, index), 2 ** 36 - 1);
      latched[index] = Math.floor(value / 2 ** 32);
      return value | 0;
    });
    registers.onRead((statistics as Record<string, Register>)[highName], (_stored, index) => {
      if (Number.isNaN(latched[index])) judge.record('statistics.high-first', { register: highName });
      const value = latched[index];
      latched[index] = Number.NaN;
      return value | 0;
    });
  }

  #total(name: string, index: number): number {
    return this.#formulas[name]?.(index) ?? 0;
  }

  /** What has been counted since the last call. */
  #take(name: string, index: number): number {
    const read = this.#read.get(name) as Float64Array;
    const total = this.#total(name, index);
    const value = total - read[index];
    read[index] = total;
    return value;
  }

  #makeFormulas(): Record<string, Formula> {
    const { rx, tx } = this;
    const good = () => rx.frames - rx.totals[FILTERED] - rx.totals[MISSED];
    const goodBytes = () => rx.totals[FRAME_BYTES] - rx.totals[FILTERED_BYTES] - rx.totals[MISSED_BYTES];
    const rxSet = (queues: Float64Array) => (set: number) => this.#ofSet(queues, ixgbe.RQSMR, set);
    const txSet = (queues: Float64Array) => (set: number) => this.#ofSet(queues, ixgbe.TQSM, set);
    const rxDma = (queues: Float64Array) => () => {
      const set = this.#context.registers.get(ixgbe.RXDSTATCTRL) & 0x1f;
      return set < SETS ? this.#ofSet(queues, ixgbe.RQSMR, set) : sum(queues);
    };
    return {
      ...byBucket(['PRC64', 'PRC127', 'PRC255', 'PRC511', 'PRC1023', 'PRC1522'], rx),
      ...byBucket(['PTC64', 'PTC127', 'PTC255', 'PTC511', 'PTC1023', 'PTC1522'], tx),
      BPRC: () => rx.totals[BROADCASTS],
      MPRC: () => rx.totals[MULTICASTS],
      GPRC: good,
      GORCL: goodBytes,
      RXNFGPC: () => rx.frames,
      RXNFGBCL: () => rx.totals[FRAME_BYTES],
      RXDGPC: rxDma(rx.queuePackets),
      RXDGBCL: rxDma(rx.queueBytes),
      TPR: () => rx.frames + rx.totals[OVERSIZED] + rx.totals[CONTROLS],
      TORL: () => rx.totals[FRAME_BYTES] + rx.totals[OVERSIZED_BYTES] + rx.totals[CONTROL_BYTES],
      LXOFFRXCNT: () => rx.totals[XOFFS],
      LXONRXCNT: () => rx.totals[XONS],
      ROC: () => rx.totals[OVERSIZED],
      XEC: () => rx.totals[CHECKSUM_ERRORS],
      FDIRMATCH: () => rx.totals[FLOW_HITS],
      FDIRMISS: () => rx.totals[FLOW_MISSES],
      MPC: (buffer) => (buffer === 0 ? rx.totals[MISSED] : 0),
      QPRC: rxSet(rx.queuePackets),
      QBRC_L: rxSet(rx.queueBytes),
      QPRDC: rxSet(rx.queueDrops),
      GPTC: () => tx.frames,
      GOTCL: () => tx.totals[FRAME_BYTES],
      TPT: () => tx.frames,
      MPTC: () => tx.totals[MULTICASTS],
      BPTC: () => tx.totals[BROADCASTS],
      TXDGPC: () => sum(tx.queuePackets),
      TXDGBCL: () => sum(tx.queueBytes),
      QPTC: txSet(tx.queuePackets),
      QBTC_L: txSet(tx.queueBytes),
    };
  }

  /** Sum over the queues that RQSMR or TQSM map to `set`. */
  #ofSet(queues: Float64Array, map: Register, set: number): number {
    let total = 0;
    for (let queue = 0; queue < QUEUES; queue++) {
      const mapped = (this.#context.registers.get(map, queue >> 2) >>> (8 * (queue & 3))) & 0xf;
      if (mapped === set) total += queues[queue];
    }
    return total;
  }
}

function sum(values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

function byBucket(names: readonly string[], traffic: Traffic): Record<string, Formula> {
  return Object.fromEntries(names.map((name, bucket) => [name, () => traffic.totals[bucket]]));
}
