/**
 * When a packet loop polls, and when it rests.
 *
 * In mode 'busy' it polls, and naps between its looks once it has found nothing for a while. In the other modes it sleeps
 * instead until an interrupt comes, as Linux's network cards do (NAPI): the interrupt is masked while the loop polls, in
 * steps of at most a budget (`POLL_BUDGET`), and unmasked once there is nothing left. Something may arrive between the last look and the
 * unmasking; so the loop looks once more before it sleeps.
 */
import { isMainThread } from 'node:worker_threads';
import type { RxInterrupt } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import { nap } from '../nap.ts';
import { type LoopClock, loopClock } from '../workers/loop-clock.ts';
import type { PollWatch } from '../workers/poll-watch.ts';
import { DONE, type PollMode, type PollOptions, type Step } from './poll.ts';

/**
 * Looks at the clock cost time; so between two of them lies as much work as takes about this long. It is counted in steps and
 * in packets: steps that find nothing take no time, and the next may find a full burst. So not even the first bursts after a
 * silence can keep the event loop waiting for long.
 */
const LOOK_MILLISECONDS = 0.1;
const MOST_WORK = 1024;
/** Each return to the event loop leaves garbage, and in a worker's hardly anybody waits. */
const SLICE = isMainThread ? 1 : 20;
/** After a nap. */
const WORK_PER_NAP = 16;
/** How long each mode polls in vain before it rests. Adaptive loops at high load must not sleep between two bursts. */
const PATIENCE: Readonly<Record<PollMode, number>> = { busy: 10, adaptive: 0.2, interrupt: 0 };

export class PollLoop {
  readonly #step: Step;
  readonly #watch: PollWatch | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #until: (() => boolean) | undefined;
  readonly #slice: number;
  readonly #idleAfter: number;
  readonly #nap: number;
  readonly #mostWork: number;
  /** What wakes the loop; empty in mode 'busy'. */
  readonly #interrupts: readonly RxInterrupt[];
  readonly #onWake: () => void;
  readonly #clock: Pick<LoopClock, 'time' | 'readTime'>;
  /** When there was work last, in an array, as V8 makes a new object of each number that a field is given. */
  readonly #lastWork = new Float64Array(1);
  #idle = false;
  #asleep = false;
  /** An interrupt has come since they were armed. */
  #woken = false;
  /** Steps, and packets moved by them, until the next look at the clock. */
  #allowance: number;

  /**
   * `onWake`: called when an interrupt has ended the loop's sleep. Throws `ERR_ARGUMENT`, and `ERR_NO_ADDON` unless there is a
   * `clock`.
   */
  constructor(
    step: Step,
    options: PollOptions,
    onWake: () => void,
    clock: Pick<LoopClock, 'time' | 'readTime'> = loopClock(),
  ) {
    const { interrupts = [], mode = interrupts.length > 0 ? 'adaptive' : 'busy' } = options;
    if (mode !== 'busy' && interrupts.length === 0) {
      throw new IxyError('ERR_ARGUMENT', `mode '${mode}' needs interrupts, and found none; use mode 'busy'`);
    }
    this.#step = options.watch?.around(step) ?? step;
    this.#watch = options.watch;
    this.#signal = options.signal;
    this.#until = options.until;
    this.#slice = milliseconds('sliceMilliseconds', options.sliceMilliseconds ?? SLICE);
    this.#idleAfter = milliseconds('idleMilliseconds', options.idleMilliseconds ?? PATIENCE[mode]);
    this.#nap = milliseconds('napMilliseconds', options.napMilliseconds ?? 0.05);
    this.#mostWork = mode === 'interrupt' ? 1 : MOST_WORK;
    this.#allowance = Math.min(WORK_PER_NAP, this.#mostWork);
    this.#interrupts = mode === 'busy' ? [] : interrupts;
    this.#onWake = onWake;
    this.#clock = clock;
    this.#lastWork[0] = this.#now();
    for (const interrupt of this.#interrupts) {
      interrupt.handle(() => this.#wake());
      interrupt.keepAlive(true);
    }
  }

  /** Whether there is nothing to do before `onWake` is called. A turn meanwhile looks whether the loop shall end. */
  get asleep(): boolean {
    return this.#asleep;
  }

  /** One slice, or a nap and a few steps, or going to sleep; whether the loop is over. */
  turn(): boolean {
    if (this.#signal?.aborted) return true;
    if (this.#asleep) this.#watch?.rested();
    else this.#watch?.turned();
    const work = this.#asleep ? this.#fallAsleep() : this.#idle ? this.#rest() : this.#poll();
    return work === DONE || this.#until?.() === true;
  }

  close(): void {
    this.#disarm();
    for (const interrupt of this.#interrupts) {
      interrupt.keepAlive(false);
      interrupt.handle(undefined);
    }
  }

  /** Polls for one slice, or until there was nothing for long enough; returns `DONE` at the end. */
  #poll(): number {
    const begin = this.#now();
    let now = begin;
    do {
      if (this.#look(this.#allowance) === DONE) return DONE;
      const before = now;
      now = this.#now();
      this.#adapt(now - before);
    } while (now - begin < this.#slice && !this.#idle);
    return 0;
  }

  #rest(): number {
    if (this.#arm()) return this.#fallAsleep();
    nap(this.#nap);
    this.#watch?.rested();
    return this.#look(WORK_PER_NAP);
  }

  /** Whether an interrupt will wake the loop. */
  #arm(): boolean {
    this.#woken = false;
    let armed = this.#interrupts.length > 0;
    for (const interrupt of this.#interrupts) armed = interrupt.arm() && armed;
    return armed;
  }

  /**
   * Once the interrupts are armed; and again while asleep, in case something came that does not interrupt. The look itself
   * may lead to an interrupt, as a device is found broken, and must then count as awake: #wake begins a turn otherwise.
   */
  #fallAsleep(): number {
    this.#asleep = false;
    const work = this.#look(1);
    if (work === 0 && !this.#woken) this.#asleep = true;
    else this.#disarm();
    return work;
  }

  #wake(): void {
    this.#woken = true;
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#disarm();
    this.#idle = false;
    this.#lastWork[0] = this.#now();
    this.#watch?.rested();
    this.#onWake();
  }

  /** Takes steps until there are `allowance` of them and of packets, and at least one; returns the packets, or `DONE`. */
  #look(allowance: number): number {
    let work = 0;
    for (let steps = 0; steps + work < allowance; steps++) {
      const moved = this.#step() ?? 1;
      if (moved === DONE) return DONE;
      work += moved;
    }
    const now = this.#now();
    if (work > 0) this.#lastWork[0] = now;
    this.#idle = work === 0 && now - this.#lastWork[0] >= this.#idleAfter;
    return work;
  }

  /** Milliseconds. */
  #now(): number {
    this.#clock.readTime();
    return this.#clock.time[0] / 1e6;
  }

  #disarm(): void {
    for (const interrupt of this.#interrupts) interrupt.disarm();
  }

  /** Settles the work until the next look, after that until the last one took `elapsed` milliseconds. */
  #adapt(elapsed: number): void {
    if (elapsed > 2 * LOOK_MILLISECONDS) {
      this.#allowance = Math.max(1, Math.floor((this.#allowance * LOOK_MILLISECONDS) / elapsed));
    } else if (elapsed < LOOK_MILLISECONDS / 2) {
      this.#allowance = Math.min(2 * this.#allowance, this.#mostWork);
    }
  }
}

function milliseconds(name: string, value: number): number {
  if (value >= 0) return value;
  throw new IxyError('ERR_ARGUMENT', `${name} must be 0 or more, found ${value}`);
}
