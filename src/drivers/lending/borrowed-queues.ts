/** Lent queues: the borrower's side, for any driver. */
import { IxyError } from '../../errors.ts';
import type { DmaBlock } from '../../memory/dma-heap.ts';
import type { DmaMemory } from '../../memory/dma-memory.ts';
import { LentDomain } from '../../memory/lent-domain.ts';
import { attachMemory } from '../../memory/shared-memory.ts';
import { DescriptorInterrupt } from '../../pci/descriptor-interrupt.ts';
import type { AttachedDevice } from '../../pci/device-share.ts';
import { type CauseSwitch, InterruptLine, QueueInterrupt } from '../interrupt-line.ts';
import type { RxInterrupt, RxQueue, TxQueue } from '../net-device.ts';
import { ReleaseStack } from '../release-stack.ts';
import type { BorrowedQueues, BorrowTerms, LentQueues, LentRing } from './loan.ts';

/** A queue that ends with the loan. */
interface Abandonable {
  abandon(): void;
}

/** What a loan is made of in this thread. Its parts go back in the opposite order. */
export class Borrowing {
  readonly data: LentQueues;
  readonly device: AttachedDevice;
  readonly domain: LentDomain;
  readonly #acquired: ReleaseStack;
  readonly #rings: readonly DmaMemory[];
  readonly #onFailed: BorrowTerms['onFailed'];

  constructor({ data, pool, device, onFailed }: BorrowTerms, acquired: ReleaseStack) {
    this.data = data;
    this.#onFailed = onFailed;
    this.device = device;
    this.domain = new LentDomain(pool.memory, data.packets);
    this.#acquired = acquired;
    this.#rings = data.rings.map((share) => {
      const memory = attachMemory(share);
      acquired.push(() => memory.free());
      return memory;
    });
  }

  /** Where a ring lies in this thread's memory. */
  blockOf({ memory, offset, bytes }: LentRing): DmaBlock {
    const region = this.#rings[memory];
    return { memory: region, offset, bytes: new Uint8Array(region.buffer, offset, bytes) };
  }

  /** The device has broken a rule, and the queue that found out has stopped. */
  fail(what: string): void {
    this.#onFailed(new IxyError('ERR_DEVICE_FAILED', `${this.data.name}: ${what}`));
  }

  /** Has `queue` leave its packets to the lender when the loan ends here. */
  adopt<Q extends Abandonable>(queue: Q): Q {
    this.#acquired.push(() => queue.abandon());
    return queue;
  }

  /** The interrupt that arrives at `descriptor`, a queue's own. `fired`: what is to be done each time. */
  interrupt(descriptor: number, cause: CauseSwitch, fired: () => void = () => {}): RxInterrupt {
    const interrupt = new DescriptorInterrupt({ descriptor, counterBytes: 8 });
    this.#acquired.push(() => interrupt.close());
    const line = new InterruptLine(interrupt, () => {
      fired();
      return true;
    });
    this.#acquired.push(() => line.close());
    const attempt = (access: () => void): void => {
      const done = this.unlessEnded(() => {
        access();
        return true;
      }, false);
      if (!done) line.close();
    };
    return new QueueInterrupt(line, {
      unmask: () => attempt(() => cause.unmask()),
      mask: () => attempt(() => cause.mask()),
    });
  }

  /** What `access` returns; `otherwise` once the port was closed, its device removed, or the queues taken back. */
  unlessEnded<T>(access: () => T, otherwise: T): T {
    if (Atomics.load(this.data.ended, 0) !== 0) return otherwise;
    try {
      return access();
    } catch (error) {
      const over = error instanceof IxyError && (error.code === 'ERR_CLOSED' || error.code === 'ERR_DEVICE_GONE');
      if (over) return otherwise;
      throw error;
    }
  }
}

/** Has `make` make the driver's queues over a loan. The device belongs to the result, also if this throws. */
export function borrow(
  terms: BorrowTerms,
  make: (borrowing: Borrowing) => { readonly rx: readonly RxQueue[]; readonly tx: readonly TxQueue[] },
): BorrowedQueues {
  const acquired = new ReleaseStack();
  acquired.push(() => terms.device.close());
  try {
    const queues = make(new Borrowing(terms, acquired));
    const { name, mac, mtu } = terms.data;
    return { name, mac, mtu, ...queues, close: () => acquired.release() };
  } catch (error) {
    acquired.release();
    throw error;
  }
}
