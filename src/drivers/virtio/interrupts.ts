/**
 * Interrupts of a virtio-net device: with messages a vector for each receive queue and one for configuration changes, and
 * fewer are shared; otherwise one for all, of which the device says why it came. Transmit queues do not interrupt.
 *
 * A queue interrupts only between `arm` and what comes first of the interrupt and `disarm`: its ring says so, so that
 * nothing here touches a register. The ring that is told to interrupt may have been used a moment before, without one;
 * whoever arms looks once more.
 */
import { ISR_CONFIG, ISR_QUEUE } from '../../datasheet/virtio/pci.ts';
import type { Interrupt } from '../../pci/pci-device.ts';
import { InterruptLine, QueueInterrupt } from '../interrupt-line.ts';
import type { RxInterrupt } from '../net-device.ts';
import type { TransportInterrupts } from './transport.ts';

/** What interrupts: a receive queue. */
interface InterruptSource {
  interrupt: RxInterrupt | undefined;
  enableInterrupt(): void;
  disableInterrupt(): void;
}

export class VirtioInterrupts {
  /** Vector for configuration changes; undefined where there are no vectors. */
  readonly configVector: number | undefined;
  readonly #source: TransportInterrupts;
  readonly #lines: readonly InterruptLine[];
  readonly #interrupts: readonly Interrupt[];
  readonly #queueVectors: number;
  readonly #queues: number;
  #onConfigChange: () => void = () => {};

  /** Enables the vectors, and gives the queues their interrupts. Throws what `TransportInterrupts.enable` throws. */
  constructor(source: TransportInterrupts, queues: readonly InterruptSource[]) {
    this.#source = source;
    const messages = source.kind === 'msix';
    const vectors = messages ? Math.min(queues.length + 1, source.maximum) : 1;
    // With one vector only, everybody shares it.
    this.#queueVectors = Math.max(1, vectors - 1);
    this.configVector = messages ? vectors - 1 : undefined;
    this.#queues = queues.length;
    this.#interrupts = source.enable(vectors);
    this.#lines = this.#interrupts.map((interrupt, vector) => {
      const members = queues.filter((_, index) => this.#lineOf(index) === vector);
      return messages ? this.#messageLine(interrupt, vector, members) : this.#commonLine(interrupt, members);
    });
    for (const [index, queue] of queues.entries()) {
      queue.interrupt = new QueueInterrupt(this.#lines[this.#lineOf(index)], {
        unmask: () => queue.enableInterrupt(),
        mask: () => queue.disableInterrupt(),
      });
    }
  }

  /** Vector of receive queue `index`; undefined where there are no vectors. */
  vectorOf(index: number): number | undefined {
    return this.configVector === undefined ? undefined : this.#lineOf(index);
  }

  /**
   * `queue`, receive queue `index`, goes to another thread, and here has no interrupt any more. The eventfd of its
   * vector: undefined if others have that vector, too, or there are none.
   */
  lend(index: number, queue: InterruptSource): number | undefined {
    queue.interrupt?.handle(undefined);
    queue.interrupt?.disarm();
    queue.interrupt = undefined;
    return this.configVector === this.#queues ? this.#interrupts[index].descriptor : undefined;
  }

  /** Has configuration changes reported from now on. */
  watchConfig(onConfigChange: () => void): void {
    this.#onConfigChange = onConfigChange;
    this.#lines[this.#lines.length - 1].handle(true);
  }

  /** The device is gone or broken: wakes everybody who waits, as there is nothing left to wait for. */
  giveUp(): void {
    for (const line of this.#lines) line.close();
  }

  /** No interrupt comes any more. */
  disable(): void {
    this.giveUp();
    this.#source.disable();
  }

  #lineOf(index: number): number {
    return index % this.#queueVectors;
  }

  #messageLine(interrupt: Interrupt, vector: number, members: readonly InterruptSource[]): InterruptLine {
    return new InterruptLine(interrupt, () => {
      quieten(members);
      if (vector === this.configVector) this.#onConfigChange();
      return true;
    });
  }

  /** INTx: reading the cause withdraws it, and only then may the line be unmasked. */
  #commonLine(interrupt: Interrupt, members: readonly InterruptSource[]): InterruptLine {
    return new InterruptLine(interrupt, () => {
      const cause = this.#source.readCause();
      interrupt.unmask();
      if ((cause & ISR_CONFIG) !== 0) this.#onConfigChange();
      if ((cause & ISR_QUEUE) === 0) return false;
      quieten(members);
      return true;
    });
  }
}

/** Once is enough, until somebody arms again. */
function quieten(queues: readonly InterruptSource[]): void {
  for (const queue of queues) queue.disableInterrupt();
}
