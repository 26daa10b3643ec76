/** Lent queues of a virtio-net device, as the borrower has them: rings and doorbells, and nothing else of it. */
import type { PacketPool } from '../../memory/packet-pool.ts';
import { frameInMemory } from '../frame-length.ts';
import { type Borrowing, borrow } from '../lending/borrowed-queues.ts';
import type { BorrowedQueues, BorrowTerms, LentRing, LentRxRing } from '../lending/loan.ts';
import type { LentVirtioQueue, VirtioLoanDetails } from './lender.ts';
import { makeDoorbell } from './pci/doorbell.ts';
import type { QueueInit } from './queue-init.ts';
import { VirtioRxQueue } from './rx-queue.ts';
import { VirtioTxQueue } from './tx-queue.ts';

/** See `borrowQueues`. */
export function borrowVirtioQueues(terms: BorrowTerms): BorrowedQueues {
  return borrow(terms, (borrowing) => {
    const rx = terms.data.rx.map((ring) => receiveQueue(borrowing, ring, terms.pool));
    const tx = terms.data.tx.map((ring) => transmitQueue(borrowing, ring));
    for (const queue of rx) queue.fill();
    return { rx, tx };
  });
}

function receiveQueue(borrowing: Borrowing, ring: LentRxRing, pool: PacketPool): VirtioRxQueue {
  const lent = detailsOf(borrowing).rx[ring.queue];
  const queue = borrowing.adopt(new VirtioRxQueue({ ...initOf(borrowing, 'rx', ring, lent), pool }));
  queue.start(doorbell(borrowing, lent));
  if (ring.interrupt !== undefined) {
    // Once is enough, until somebody arms again.
    const mask = (): void => queue.disableInterrupt();
    queue.interrupt = borrowing.interrupt(ring.interrupt, { unmask: () => queue.enableInterrupt(), mask }, mask);
  }
  return queue;
}

function transmitQueue(borrowing: Borrowing, ring: LentRing): VirtioTxQueue {
  const lent = detailsOf(borrowing).tx[ring.queue];
  const queue = borrowing.adopt(new VirtioTxQueue(initOf(borrowing, 'tx', ring, lent)));
  queue.start(doorbell(borrowing, lent));
  return queue;
}

function detailsOf({ data }: Borrowing): VirtioLoanDetails {
  return data.details as VirtioLoanDetails;
}

function initOf(
  borrowing: Borrowing,
  way: 'rx' | 'tx',
  ring: LentRing,
  { size, address, totals }: LentVirtioQueue,
): QueueInit {
  const { kind, features } = detailsOf(borrowing);
  const { domain, data } = borrowing;
  return {
    memory: borrowing.blockOf(ring),
    address,
    size,
    kind,
    features,
    domain,
    maximumFrame: frameInMemory(data.mtu),
    state: ring.state,
    totals,
    onBroken: (reason) => borrowing.fail(`${way}[${ring.queue}]: the device ${reason}`),
  };
}

function doorbell(borrowing: Borrowing, { index, doorbell: { bar, offset } }: LentVirtioQueue): () => void {
  const guard = (write: () => void) => () => borrowing.unlessEnded(write, undefined);
  return makeDoorbell(borrowing.device.bar(bar), offset, index, guard);
}
