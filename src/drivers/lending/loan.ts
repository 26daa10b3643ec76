/**
 * Queues of a port in another thread. The thread that opened the port lends them; the other one borrows them, with a
 * pool of its own; when that has ended, in whatever way, they are taken back. What both need lies in shared memory:
 * rings, positions, counters.
 */
import type { IxyError } from '../../errors.ts';
import type { DmaMemory } from '../../memory/dma-memory.ts';
import type { MemoryPlace } from '../../memory/lent-domain.ts';
import type { PacketPool } from '../../memory/packet-pool.ts';
import type { MemoryShare } from '../../memory/shared-memory.ts';
import type { AttachedDevice, DeviceShare } from '../../pci/device-share.ts';
import type { RxQueue, TxQueue } from '../net-device.ts';

/** What is to be lent. */
export interface LoanRequest {
  /** Indices in `NetDevice.rx` and `NetDevice.tx`. */
  readonly rx: readonly number[];
  readonly tx: readonly number[];
  /**
   * What the borrower's packets lie in. The device reaches it until the queues have been taken back, or the port is
   * closed; it must not be freed before.
   */
  readonly memory: DmaMemory;
}

/** What `NetDevice.lend` made. */
export interface QueueLoan {
  /** Everything that the other thread needs: plain data, to be sent there. */
  readonly data: LentQueues;
  /**
   * The borrower has ended, or will not touch the queues any more: stops them. Afterwards the device uses none of the
   * borrower's packets, and the queues may be lent again. Comes also after the port was closed. Idempotent; blocks for
   * some milliseconds at most. Throws `ERR_TIMEOUT` if a queue does not stop: then it may be tried again.
   */
  takeBack(): void;
  /** Has a borrower that sleeps on an interrupt wake up: `Worker.terminate` waits until it does. Harmless at any time. */
  wake(): void;
}

/** A lent ring: its memory, and where the driver finds itself in it. */
export interface LentRing {
  /** Number of the queue in the port. */
  readonly queue: number;
  /** Index in `LentQueues.rings`, and the ring's place there, in bytes. */
  readonly memory: number;
  readonly offset: number;
  readonly bytes: number;
  /** Positions and counters, in a SharedArrayBuffer. */
  readonly state: Int32Array;
}

export interface LentRxRing extends LentRing {
  /** The eventfd that its interrupts arrive at; undefined if the queue must be polled. */
  readonly interrupt: number | undefined;
}

export interface LentQueues {
  /** Name of the driver that lent them, and will drive them there. */
  readonly driver: string;
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly device: DeviceShare;
  /** In a SharedArrayBuffer; word 0 is not 0 once the queues will never work again: closed, removed, or taken back. */
  readonly ended: Int32Array;
  /** Where the device finds the borrower's packets. */
  readonly packets: MemoryPlace;
  /** Memory that the rings lie in. */
  readonly rings: readonly MemoryShare[];
  readonly rx: readonly LentRxRing[];
  readonly tx: readonly LentRing[];
  /** What the driver's two halves tell each other beside. */
  readonly details: unknown;
}

/** Queues of another thread's port, as the borrower has them. */
export interface BorrowedQueues {
  /** Of the port that they belong to. */
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly rx: readonly RxQueue[];
  readonly tx: readonly TxQueue[];
  /**
   * Gives back what this thread has of the device. Packets in the rings stay the device's until whoever lent the queues
   * has taken them back. Idempotent; the end of the thread does the same.
   */
  close(): void;
}

/** What queues are borrowed with. */
export interface BorrowTerms {
  readonly data: LentQueues;
  readonly pool: PacketPool;
  /** Belongs to the borrowed queues. */
  readonly device: AttachedDevice;
  /** Told when a queue has found that its device breaks the ring's rules, and has stopped. Called from within a burst. */
  readonly onFailed: (error: IxyError) => void;
}

/** A driver's part of `borrowQueues`. */
export type Borrow = (terms: BorrowTerms) => BorrowedQueues;
