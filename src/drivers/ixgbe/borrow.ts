/** Lent queues of an 82599, as the borrower has them: rings, tails and own interrupts of a device, and nothing else of it. */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import type { PacketPool } from '../../memory/packet-pool.ts';
import { frameInMemory } from '../frame-length.ts';
import { type Borrowing, borrow } from '../lending/borrowed-queues.ts';
import type { BorrowedQueues, BorrowTerms, LentRing, LentRxRing } from '../lending/loan.ts';
import { wordsOf } from '../queue-memory.ts';
import { vectorBit } from './interrupts.ts';
import type { IxgbeLoanDetails } from './lender.ts';
import { RxQueue } from './rx-queue.ts';
import { TxQueue } from './tx-queue.ts';

const NO_HEAD = 0xffff_ffff;

/** See `borrowQueues`. */
export function borrowIxgbeQueues(terms: BorrowTerms): BorrowedQueues {
  return borrow(terms, (borrowing) => {
    const rx = terms.data.rx.map((ring) => receiveQueue(borrowing, ring, terms.pool));
    const tx = terms.data.tx.map((ring) => transmitQueue(borrowing, ring));
    for (const queue of rx) queue.fill();
    return { rx, tx };
  });
}

/** What both directions need. */
function common({ data, device, domain }: Borrowing) {
  return { domain, doorbells: device.bar(0).doorbells, maximumFrame: frameInMemory(data.mtu) };
}

function receiveQueue(borrowing: Borrowing, lent: LentRxRing, pool: PacketPool): RxQueue {
  const { queue, state, interrupt } = lent;
  const { hash } = borrowing.data.details as IxgbeLoanDetails;
  const ring = wordsOf(borrowing.blockOf(lent));
  const doorbell = ixgbe.RDT.at(queue) / 4;
  const borrowed = borrowing.adopt(new RxQueue({ ...common(borrowing), ring, doorbell, state, hash, pool }));
  if (interrupt !== undefined) {
    borrowed.interrupt = borrowing.interrupt(interrupt, {
      unmask: () => writeVector(borrowing, 'EIMS_EXT', queue),
      mask: () => writeVector(borrowing, 'EIMC_EXT', queue),
    });
  }
  return borrowed;
}

function transmitQueue(borrowing: Borrowing, lent: LentRing): TxQueue {
  const { queue, state } = lent;
  const ring = wordsOf(borrowing.blockOf(lent));
  const doorbell = ixgbe.TDT.at(queue) / 4;
  const head = (): number => borrowing.device.bar(0).read32(ixgbe.TDH.at(queue));
  const readHead = (): number => borrowing.unlessEnded(head, NO_HEAD);
  return borrowing.adopt(new TxQueue({ ...common(borrowing), ring, doorbell, state, readHead }));
}

/** A queue's own vector has its number; it masks itself when it fires, and clears its cause (see interrupts.ts). */
function writeVector({ device }: Borrowing, name: 'EIMS_EXT' | 'EIMC_EXT', vector: number): void {
  const { word, mask } = vectorBit(vector);
  device.bar(0).write32(ixgbe[name].at(word), mask);
}
