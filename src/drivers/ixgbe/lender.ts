/**
 * Lending queues to other threads: the lender's side. A queue changes hands while the device disables it (82599 datasheet rev 3.4,
 * sections 4.6.7.1 and 4.6.8.1); afterwards it runs with an empty ring, for the borrower to fill.
 */
import { IxyError } from '../../errors.ts';
import type { DmaMemory } from '../../memory/dma-memory.ts';
import { placeOfMemory } from '../../memory/lent-domain.ts';
import { shareMemory } from '../../memory/shared-memory.ts';
import { addon } from '../../native/addon.ts';
import { duplicateDescriptor } from '../../pci/duplicate-descriptor.ts';
import type { LentInterrupt, LentQueues, LentRing, LentRxRing, LoanRequest, QueueLoan } from '../loan.ts';
import type { RingPlace } from '../queue-memory.ts';
import { ReleaseStack } from '../release-stack.ts';
import { unlessGone } from '../unless-gone.ts';
import type { IxgbeDevice } from './device.ts';
import type { DeviceInterrupts } from './interrupts.ts';
import type { QueueSet } from './queues.ts';
import { haltReceiveQueues, restartReceiveQueue } from './receive.ts';
import type { Registers } from './registers.ts';
import type { RxQueue } from './rx-queue.ts';
import { QUIET_MILLISECONDS } from './shutdown.ts';
import { haltTransmitQueues, restartTransmitQueue } from './transmit.ts';
import type { TxQueue } from './tx-queue.ts';

type Queues = Pick<LoanRequest, 'rx' | 'tx'>;

interface Loan extends Queues {
  readonly ended: Int32Array;
  readonly interrupts: LentInterrupt[];
  /** The borrower's memory, while the device can reach it. */
  readonly memory: ReleaseStack;
  /** What the borrower may be using as long as it lives. */
  readonly borrowed: ReleaseStack;
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

export class QueueLender {
  readonly #registers: Registers;
  readonly #queues: QueueSet;
  readonly #interrupts: DeviceInterrupts | undefined;
  readonly #loans = new Set<Loan>();

  constructor(registers: Registers, queues: QueueSet, interrupts: DeviceInterrupts | undefined) {
    this.#registers = registers;
    this.#queues = queues;
    this.#interrupts = interrupts;
    queues.onRelease(() => {
      for (const loan of this.#loans) loan.memory.release();
    });
  }

  /** See `NetDevice.lend`. */
  lend(request: LoanRequest, port: IxgbeDevice): QueueLoan {
    const { rx, tx, memory } = request;
    this.#check('receive', rx, this.#queues.rx.length, ({ rx }) => rx);
    this.#check('transmit', tx, this.#queues.tx.length, ({ tx }) => tx);
    const loan: Loan = {
      rx: [...rx],
      tx: [...tx],
      ended: new Int32Array(new SharedArrayBuffer(4)),
      interrupts: [],
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

  #check(what: string, queues: readonly number[], count: number, lent: (loan: Loan) => readonly number[]): void {
    const { address } = this.#registers.device;
    for (const [position, queue] of queues.entries()) {
      const problem =
        !Number.isInteger(queue) || queue < 0 || queue >= count
          ? `there are ${count}`
          : queues.indexOf(queue) !== position || [...this.#loans].some((loan) => lent(loan).includes(queue))
            ? 'it is lent already'
            : undefined;
      if (problem) throw new IxyError('ERR_ARGUMENT', `${address}: no ${what} queue ${queue} to lend: ${problem}`);
    }
  }

  /** Everything that may be refused comes before the queues are touched. */
  #prepare(loan: Loan, memory: DmaMemory, { name, driver, mac, mtu }: IxgbeDevice): LentQueues {
    const { device } = this.#registers;
    const shared = device.share?.();
    if (!shared) {
      throw new IxyError(
        'ERR_DEVICE_UNSUPPORTED',
        `${name}: no other thread can reach this device; use one behind VFIO or sysfs, or an emulated one on a thread of its own`,
      );
    }
    loan.borrowed.push(() => shared.release());
    device.dma.map(memory);
    loan.memory.push(() => device.dma.unmap(memory));
    const packets = placeOfMemory(device.dma, memory);
    const { rxRings, txRings } = this.#queues;
    const places = [...loan.rx.map((index) => rxRings[index]), ...loan.tx.map((index) => txRings[index])];
    const memories = [...new Set(places.map(({ block }) => block.memory))];
    const rings = memories.map(shareMemory);
    this.#halt(loan);
    const rx = loan.rx.map((index) => this.#lendReceive(loan, index, memories));
    const tx = loan.tx.map((index) => this.#lendTransmit(index, memories));
    return { driver, name, mac, mtu, device: shared.data, ended: loan.ended, packets, rings, rx, tx };
  }

  #lendReceive(loan: Loan, index: number, memories: readonly DmaMemory[]): LentRxRing {
    const queue = this.#queues.rx[index];
    const ring = emptyRing(queue, index, this.#queues.rxRings[index], memories);
    restartReceiveQueue(this.#registers, index);
    return { ...ring, hash: queue.hash, interrupt: this.#lendInterrupt(loan, index) };
  }

  #lendTransmit(index: number, memories: readonly DmaMemory[]): LentRing {
    const ring = emptyRing(this.#queues.tx[index], index, this.#queues.txRings[index], memories);
    restartTransmitQueue(this.#registers, index);
    return ring;
  }

  /** The eventfd is the borrower's until the queues are taken back, even if the device is closed before. */
  #lendInterrupt(loan: Loan, index: number): LentInterrupt | undefined {
    const interrupt = this.#interrupts?.lend(index);
    if (!interrupt) return undefined;
    const descriptor = duplicateDescriptor(interrupt.descriptor);
    loan.borrowed.push(() => {
      loan.interrupts.length = 0;
      addon().close(descriptor);
    });
    const lent = { ...interrupt, descriptor };
    loan.interrupts.push(lent);
    return lent;
  }

  #takeBack(loan: Loan): void {
    if (!this.#loans.has(loan)) return;
    const { gone } = this.#registers;
    const closed = Atomics.load(loan.ended, 0) !== 0;
    if (!gone && !closed) {
      unlessGone(() => this.#halt(loan), undefined);
      for (const { vector } of loan.interrupts) unlessGone(() => this.#interrupts?.mask(vector), undefined);
    }
    this.#loans.delete(loan);
    end(loan);
    loan.memory.release();
    loan.borrowed.release();
  }

  /** Afterwards the device touches neither the queues' rings nor their packets. */
  #halt({ rx, tx }: Queues): void {
    haltReceiveQueues(this.#registers, rx, (step) => step());
    haltTransmitQueues(this.#registers, tx, (step) => step());
    this.#registers.device.clock.pause(QUIET_MILLISECONDS);
  }
}

/** Gives back what a halted queue holds, if it is at home; `memories` are those that rings lie in. */
function emptyRing(
  queue: RxQueue | TxQueue,
  index: number,
  place: RingPlace,
  memories: readonly DmaMemory[],
): LentRing {
  const { memory, offset, bytes } = place.block;
  queue.reclaim();
  bytes.fill(0);
  return { queue: index, memory: memories.indexOf(memory), offset, bytes: bytes.length, state: queue.state };
}

/** Tells the borrower, and wakes it up. */
function end(loan: Loan): void {
  Atomics.store(loan.ended, 0, 1);
  wake(loan);
}

function wake({ interrupts }: Loan): void {
  for (const { descriptor } of interrupts) addon().write(descriptor, ONE, 0, ONE.length);
}
