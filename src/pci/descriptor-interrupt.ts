/** An interrupt that arrives at a file descriptor which becomes readable: an eventfd, or a UIO device. */
import { addon } from '../native/addon.ts';
import type { Interrupt } from './pci-device.ts';

interface DescriptorInterruptInit {
  /** Does not block when read. It stays the caller's. */
  readonly descriptor: number;
  /** Bytes of the counter that reading takes: 8 of an eventfd, 4 of a UIO device. */
  readonly counterBytes: 4 | 8;
  /** How to unmask it; default: it need not be. */
  readonly unmask?: (() => void) | undefined;
  /** In error once the device is gone: ends a wait that nothing else would end. */
  readonly lossDescriptor?: number | undefined;
}

export class DescriptorInterrupt implements Interrupt {
  readonly descriptor: number;
  readonly unmask: () => void;
  readonly #counter: Uint8Array;
  readonly #lossDescriptor: number | undefined;
  readonly #ready = new Int32Array(2);
  #epoll: number | undefined;
  #watch: number | undefined;
  #handler: (() => void) | undefined;
  #keepAlive = false;

  constructor({ descriptor, counterBytes, unmask = () => {}, lossDescriptor }: DescriptorInterruptInit) {
    this.descriptor = descriptor;
    this.#counter = new Uint8Array(counterBytes);
    this.unmask = unmask;
    this.#lossDescriptor = lossDescriptor;
  }

  wait(milliseconds: number): boolean {
    if (this.#take()) return true;
    this.#epoll ??= this.#newEpoll();
    return addon().epollWait(this.#epoll, this.#ready, milliseconds) > 0 && this.#take();
  }

  handle(handler: (() => void) | undefined): void {
    this.#handler = handler;
    if (handler && this.#watch === undefined) {
      this.#watch = addon().watch(this.descriptor, () => this.#onReadable());
      addon().keepWatchAlive(this.#watch, this.#keepAlive);
    } else if (!handler) {
      this.#unwatch();
    }
  }

  keepAlive(enabled: boolean): void {
    if (enabled === this.#keepAlive) return;
    this.#keepAlive = enabled;
    if (this.#watch !== undefined) addon().keepWatchAlive(this.#watch, enabled);
  }

  /** Ends all waiting; before the descriptor is closed. */
  close(): void {
    this.handle(undefined);
    if (this.#epoll !== undefined) addon().close(this.#epoll);
    this.#epoll = undefined;
  }

  #onReadable(): void {
    let fired = true;
    try {
      fired = this.#take();
    } catch {
      // The device is gone, and the descriptor in error for good. Whoever waits will find out at its registers.
      this.#unwatch();
    }
    if (fired) this.#handler?.();
  }

  /** Whether it has fired since the last call. */
  #take(): boolean {
    const counter = this.#counter;
    return addon().read(this.descriptor, counter, 0, counter.length) > 0;
  }

  #unwatch(): void {
    if (this.#watch === undefined) return;
    addon().unwatch(this.#watch);
    this.#watch = undefined;
  }

  #newEpoll(): number {
    const epoll = addon().epollCreate();
    const { EPOLL_CTL_ADD, EPOLLIN } = addon().constants;
    addon().epollControl(epoll, EPOLL_CTL_ADD, this.descriptor, EPOLLIN);
    // Errors are reported whatever is asked for.
    if (this.#lossDescriptor !== undefined) addon().epollControl(epoll, EPOLL_CTL_ADD, this.#lossDescriptor, 0);
    return epoll;
  }
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** An interrupt on a new eventfd, which goes with it. */
export class EventInterrupt extends DescriptorInterrupt {
  constructor(unmask?: () => void, lossDescriptor?: number) {
    const { EFD_CLOEXEC, EFD_NONBLOCK } = addon().constants;
    const descriptor = addon().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    super({ descriptor, counterBytes: 8, unmask, lossDescriptor });
  }

  /** As the device does it. */
  fire(): void {
    addon().write(this.descriptor, ONE, 0, ONE.length);
  }

  override close(): void {
    super.close();
    addon().close(this.descriptor);
  }
}
