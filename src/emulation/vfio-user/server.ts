/**
 * Serves devices over vfio-user, in real time, on the caller's thread. While a client is there, the devices work and the
 * server looks at the sockets; it never rests for longer than a millisecond, in which frames and timers wait, and requests
 * wake it up. Without a client it sleeps.
 */
import { setImmediate } from 'node:timers/promises';
import { addon } from '../../native/addon.ts';
import type { ServedDevice } from './served-device.ts';
import { ServedPort } from './served-port.ts';

/** What is served where. */
export interface ServedAt {
  readonly path: string;
  readonly device: ServedDevice;
}

/** Milliseconds between two turns of the event loop. */
const SLICE = 2;
/** Milliseconds without work after which it rests, and for how long. */
const AWAKE = 0.1;
const NAP = 1;
const NANOSECONDS = 1e6;
const MAXIMUM_EVENTS = 64;

export class VfioUserServer {
  readonly ports: readonly ServedPort[];
  readonly #epoll = addon().epollCreate();
  readonly #ready = new Int32Array(2 * MAXIMUM_EVENTS);
  #lastStep = performance.now();
  #lastWork = 0;

  /** Makes the socket files. `log`: as for `ServedPort`, whose errors it throws, with nothing left open. */
  constructor(devices: readonly ServedAt[], log: (message: string) => void) {
    const { EPOLL_CTL_ADD, EPOLLIN } = addon().constants;
    const passTime = () => this.#passTime();
    const watch = (descriptor: number) => addon().epollControl(this.#epoll, EPOLL_CTL_ADD, descriptor, EPOLLIN);
    const ports: ServedPort[] = [];
    this.ports = ports;
    try {
      for (const { path, device } of devices) ports.push(new ServedPort(path, device, { log, watch, passTime }));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Serves until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.ports.some(({ connected }) => connected)) {
        this.#slice();
        await setImmediate();
      } else await this.#clientComes(signal);
    }
  }

  /** One round: what clients want, and what the devices do; returns messages and frames. */
  turn(): number {
    this.#passTime();
    let work = 0;
    for (const port of this.ports) work += port.poll();
    for (const port of this.ports) work += port.step();
    return work;
  }

  /** Ends all connections, and removes the socket files. */
  close(): void {
    for (const port of this.ports) port.close();
    addon().close(this.#epoll);
  }

  /** Works for a while, or until there has been nothing to do for a while, and then rests. */
  #slice(): void {
    const begin = performance.now();
    this.#lastWork = Math.max(this.#lastWork, begin - SLICE);
    let now = begin;
    do {
      if (this.turn() > 0) this.#lastWork = now;
      now = performance.now();
      if (now - this.#lastWork <= AWAKE) continue;
      this.#rest();
      return;
    } while (now - begin < SLICE);
    this.#accept();
  }

  #rest(): void {
    const ready = addon().epollWait(this.#epoll, this.#ready, NAP);
    if (ready > 0) this.#accept();
  }

  /** Before each message, too: rules about time hold for the time of the access, and who polls a register sees it change. */
  #passTime(): void {
    const now = performance.now();
    const elapsed = (now - this.#lastStep) * NANOSECONDS;
    this.#lastStep = now;
    for (const port of this.ports) port.advance(elapsed);
  }

  #accept(): void {
    for (const port of this.ports) port.accept();
  }

  /** Sleeps in the event loop until a client is there, or `signal` is aborted. */
  async #clientComes(signal: AbortSignal): Promise<void> {
    let token = -1;
    let wake = (): void => {};
    await new Promise<void>((resolve) => {
      wake = resolve;
      token = addon().watch(this.#epoll, wake);
      addon().keepWatchAlive(token, true);
      signal.addEventListener('abort', wake);
    });
    signal.removeEventListener('abort', wake);
    addon().unwatch(token);
    this.#accept();
    this.#lastWork = performance.now();
  }
}
