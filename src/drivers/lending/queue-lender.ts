/**
 * Lending queues to other threads: the lender's side, for any driver. It keeps account of what is lent, and of what
 * must be given back when; a driver says how its device's queues are stopped and started again.
 */
import { IxyError } from '../../errors.ts';
import type { DmaBlock } from '../../memory/dma-heap.ts';
import type { DmaDomain, DmaMemory } from '../../memory/dma-memory.ts';
import { placeOfMemory } from '../../memory/lent-domain.ts';
import { shareMemory } from '../../memory/shared-memory.ts';
import { addon } from '../../native/addon.ts';
import type { SharedDevice } from '../../pci/device-share.ts';
import { duplicateDescriptor } from '../../pci/duplicate-descriptor.ts';
import type { NetDevice } from '../net-device.ts';
import { ReleaseStack } from '../release-stack.ts';
import { unlessGone } from '../unless-gone.ts';
import type { LentQueues, LentRing, LoanRequest, QueueLoan } from './loan.ts';

/** A queue of the driver's. */
interface LendableQueue {
  /** Positions and counters, in a SharedArrayBuffer. */
  readonly state: Int32Array;
  /** Gives back what the queue holds, which was stopped, and is not this thread's any more. Idempotent. */
  reclaim(): void;
}

/** What a driver knows of its queues. */
export interface LendableDevice {
  readonly dma: DmaDomain;
  readonly share: (() => SharedDevice) | undefined;
  readonly rx: readonly LendableQueue[];
  readonly tx: readonly LendableQueue[];
  /** Memory that the ring lies in; it is zeroed before the queue starts again. */
  rxBlock(index: number): DmaBlock;
  txBlock(index: number): DmaBlock;
  /** Throws `ERR_DEVICE_UNSUPPORTED` if the device cannot stop queues one by one. */
  checkLendable(): void;
  /**
   * Stops queues; afterwards the device touches neither their rings nor their packets. Throws `ERR_TIMEOUT`,
   * `ERR_DEVICE_GONE`.
   */
  halt(queues: Queues): void;
  /** Lets a queue that was stopped run again, with an empty ring in the same place. */
  restartReceive(index: number): void;
  restartTransmit(index: number): void;
  /** Takes the receive queue's interrupt from this thread: its eventfd, if it shares that with no other queue. */
  lendInterrupt(index: number): number | undefined;
  /** What the driver tells its other half, beside: plain data. */
  details(): unknown;
}

export type Queues = Pick<LoanRequest, 'rx' | 'tx'>;

interface Loan extends Queues {
  readonly ended: Int32Array;
  /** Eventfds that the borrower waits at. */
  readonly descriptors: number[];
  /** The borrower's memory, while the device can reach it. */
  readonly memory: ReleaseStack;
  /** What the borrower may be using as long as it lives. */
  readonly borrowed: ReleaseStack;
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

export class QueueLender {
  readonly #device: LendableDevice;
  readonly #loans = new Set<Loan>();
  /** The device does no DMA any more. */
  #idle = false;

  constructor(device: LendableDevice) {
    this.#device = device;
  }

  /** See `NetDevice.lend`. */
  lend(request: LoanRequest, port: NetDevice): QueueLoan {
    const { rx, tx, memory } = request;
    this.#check(port, 'receive', rx, this.#device.rx.length, (loan) => loan.rx);
    this.#check(port, 'transmit', tx, this.#device.tx.length, (loan) => loan.tx);
    const loan: Loan = {
      rx: [...rx],
      tx: [...tx],
      ended: new Int32Array(new SharedArrayBuffer(4)),
      descriptors: [],
      memory: new ReleaseStack(),
      borrowed: new ReleaseStack(),
    };
    try {
      const data = this.#prepare(loan, memory, port);
      this.#loans.add(loan);
      return { data, takeBack: () => this.#takeBack(loan), wake: () => wake(loan) };
    } catch (error) {
      loan.memory.release();
      loan.borrowed.release();
      throw error;
    }
  }

  /** The device is gone, or about to be closed: borrowers find nothing from now on, and none of them waits for ever. */
  end(): void {
    for (const loan of this.#loans) end(loan);
  }

  /** The port is closed: the device does no DMA any more. */
  release(): void {
    this.#idle = true;
    for (const loan of this.#loans) loan.memory.release();
  }

  #check(
    { name }: NetDevice,
    what: string,
    queues: readonly number[],
    count: number,
    lent: (loan: Loan) => readonly number[],
  ): void {
    const refuse = (problem: string): never => {
      throw new IxyError('ERR_ARGUMENT', `${name}: ${problem}`);
    };
    for (const [position, queue] of queues.entries()) {
      if (!Number.isInteger(queue) || queue < 0 || queue >= count)
        refuse(`there is no ${what} queue ${queue} to lend; its ${what} queues are 0 to ${count - 1}`);
      if (queues.indexOf(queue) !== position)
        refuse(`${what} queue ${queue} is named twice in one request to lend; name each queue once`);
      if ([...this.#loans].some((loan) => lent(loan).includes(queue)))
        refuse(`${what} queue ${queue} is lent already; take it back first, with takeBack() of that loan`);
    }
  }

  /** Everything that may be refused comes before the queues are touched. */
  #prepare(loan: Loan, memory: DmaMemory, { name, driver, mac, mtu }: NetDevice): LentQueues {
    const device = this.#device;
    if (!device.share) {
      throw new IxyError(
        'ERR_DEVICE_UNSUPPORTED',
        `${name}: no other thread can reach this device; use one behind VFIO or sysfs, or an emulated one on a thread of its own`,
      );
    }
    device.checkLendable();
    const shared = device.share();
    loan.borrowed.push(() => shared.release());
    device.dma.map(memory);
    loan.memory.push(() => device.dma.unmap(memory));
    const packets = placeOfMemory(device.dma, memory);
    const blocks = [...loan.rx.map((index) => device.rxBlock(index)), ...loan.tx.map((index) => device.txBlock(index))];
    const memories = [...new Set(blocks.map((block) => block.memory))];
    const rings = memories.map(shareMemory);
    device.halt(loan);
    const rx = loan.rx.map((index) => {
      const ring = emptyRing(device.rx[index], index, device.rxBlock(index), memories);
      device.restartReceive(index);
      return { ...ring, interrupt: this.#lendInterrupt(loan, index) };
    });
    const tx = loan.tx.map((index) => {
      const ring = emptyRing(device.tx[index], index, device.txBlock(index), memories);
      device.restartTransmit(index);
      return ring;
    });
    const details = device.details();
    return { driver, name, mac, mtu, device: shared.data, ended: loan.ended, packets, rings, rx, tx, details };
  }

  /** The eventfd is the borrower's until the queues are taken back, even if the device is closed before. */
  #lendInterrupt(loan: Loan, index: number): number | undefined {
    const own = this.#device.lendInterrupt(index);
    if (own === undefined) return undefined;
    const descriptor = duplicateDescriptor(own);
    loan.descriptors.push(descriptor);
    loan.borrowed.push(() => {
      loan.descriptors.length = 0;
      addon().close(descriptor);
    });
    return descriptor;
  }

  #takeBack(loan: Loan): void {
    if (!this.#loans.has(loan)) return;
    // A device that failed may still be at work: only one that is closed or gone needs no stopping.
    if (!this.#idle) unlessGone(() => this.#device.halt(loan), undefined);
    this.#loans.delete(loan);
    end(loan);
    loan.memory.release();
    loan.borrowed.release();
  }
}

/** Gives back what a stopped queue holds, if it is at home; `memories` are those that rings lie in. */
function emptyRing(queue: LendableQueue, index: number, block: DmaBlock, memories: readonly DmaMemory[]): LentRing {
  const { memory, offset, bytes } = block;
  queue.reclaim();
  bytes.fill(0);
  return { queue: index, memory: memories.indexOf(memory), offset, bytes: bytes.length, state: queue.state };
}

/** Tells the borrower, and wakes it up. */
function end(loan: Loan): void {
  Atomics.store(loan.ended, 0, 1);
  wake(loan);
}

function wake({ descriptors }: Loan): void {
  for (const descriptor of descriptors) addon().write(descriptor, ONE, 0, ONE.length);
}
