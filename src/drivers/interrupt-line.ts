/** One interrupt vector, and the receive queues that wait for it: mostly one, but where vectors are short some share. */
import type { Interrupt } from '../pci/pci-device.ts';
import type { RxInterrupt } from './net-device.ts';

export class InterruptLine {
  readonly #interrupt: Interrupt;
  readonly #acknowledge: () => boolean;
  readonly #members: QueueInterrupt[] = [];
  #handled = false;
  #closed = false;

  /** `acknowledge` is called each time it has fired, and says whether the queues are concerned. */
  constructor(interrupt: Interrupt, acknowledge: () => boolean) {
    this.#interrupt = interrupt;
    this.#acknowledge = acknowledge;
  }

  get closed(): boolean {
    return this.#closed;
  }

  join(member: QueueInterrupt): void {
    this.#members.push(member);
  }

  /** Whether a queue waits to be interrupted. */
  get armed(): boolean {
    return this.#members.some((member) => member.armed);
  }

  /** Waits, and blocks; queues learn of it by `fire`. */
  wait(milliseconds: number): void {
    if (!this.#closed && this.#interrupt.wait(milliseconds)) this.#onInterrupt();
  }

  /** Takes interrupts from the event loop, for good: `always`, or for as long as a queue has a handler. */
  handle(always: boolean): void {
    this.#handled ||= always;
    if (this.#closed) return;
    const wanted = this.#handled || this.#members.some((member) => member.handled);
    this.#interrupt.handle(wanted ? () => this.#onInterrupt() : undefined);
    this.#interrupt.keepAlive(this.#members.some((member) => member.keepsAlive));
  }

  /** Tells all queues that it has fired, whether it has or not. */
  wake(): void {
    for (const member of this.#members) member.fire();
  }

  close(): void {
    if (this.#closed) return;
    this.#interrupt.handle(undefined);
    this.#closed = true;
    this.wake();
  }

  #onInterrupt(): void {
    if (this.#acknowledge()) this.wake();
  }
}

/** How a queue's cause is enabled and disabled in the device. */
export interface CauseSwitch {
  unmask(): void;
  mask(): void;
}

export class QueueInterrupt implements RxInterrupt {
  /** Unmasked, and not fired since. */
  armed = false;
  keepsAlive = false;
  readonly #line: InterruptLine;
  readonly #cause: CauseSwitch;
  #fired = false;
  #handler: (() => void) | undefined;

  constructor(line: InterruptLine, cause: CauseSwitch) {
    this.#line = line;
    this.#cause = cause;
    line.join(this);
  }

  get handled(): boolean {
    return this.#handler !== undefined;
  }

  arm(): boolean {
    if (this.#line.closed) return false;
    this.armed = true;
    this.#cause.unmask();
    return !this.#line.closed;
  }

  disarm(): void {
    if (!this.armed) return;
    this.armed = false;
    // The vector stays on for others that share it.
    if (!this.#line.closed && !this.#line.armed) this.#cause.mask();
  }

  wait(milliseconds: number): boolean {
    if (!this.#fired) this.#line.wait(milliseconds);
    const fired = this.#fired;
    this.#fired = false;
    return fired;
  }

  handle(handler: (() => void) | undefined): void {
    this.#handler = handler;
    this.#line.handle(false);
  }

  keepAlive(enabled: boolean): void {
    this.keepsAlive = enabled;
    this.#line.handle(false);
  }

  /** Called by the line. */
  fire(): void {
    this.armed = false;
    if (this.#handler) this.#handler();
    else this.#fired = true;
  }
}
