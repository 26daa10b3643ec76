/**
 * What of a virtio-net device's queues it takes to lend them: each is reset alone (virtio 1.2, section 2.6.1), and set
 * up again.
 */
import { type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import { receiveQueueIndex, transmitQueueIndex } from '../../datasheet/virtio/net.ts';
import { IxyError } from '../../errors.ts';
import type { LendableDevice } from '../lending/queue-lender.ts';
import type { VirtioInterrupts } from './interrupts.ts';
import type { QueueInit, RingFeatures, RingKind } from './queue-init.ts';
import type { QueueSet } from './queues.ts';
import type { DoorbellPlace, VirtioTransport } from './transport.ts';

/** What the driver's two halves tell each other, by queue of the port. */
export interface VirtioLoanDetails {
  readonly kind: RingKind;
  readonly features: RingFeatures;
  readonly rx: readonly LentVirtioQueue[];
  readonly tx: readonly LentVirtioQueue[];
}

export interface LentVirtioQueue {
  /** Descriptors. */
  readonly size: number;
  /** The device's address of the ring. */
  readonly address: number;
  readonly totals: Float64Array;
  /** Number of the queue in the device, and its doorbell. */
  readonly index: number;
  readonly doorbell: DoorbellPlace;
}

export function lendableVirtio(
  transport: VirtioTransport,
  agreed: FeatureSet,
  queues: QueueSet,
  interrupts: VirtioInterrupts | undefined,
): LendableDevice {
  const { rx, tx, rxInits, txInits } = queues;
  return {
    dma: transport.dma,
    share: transport.share,
    rx,
    tx,
    rxBlock: (pair) => rxInits[pair].memory,
    txBlock: (pair) => txInits[pair].memory,
    checkLendable: () => checkResettable(transport.address, agreed),
    halt: (wanted) => {
      for (const pair of wanted.rx) transport.resetQueue(receiveQueueIndex(pair));
      for (const pair of wanted.tx) transport.resetQueue(transmitQueueIndex(pair));
    },
    restartReceive: (pair) => {
      const { size } = rxInits[pair];
      const setup = { size, addresses: rx[pair].addresses, vector: interrupts?.vectorOf(pair) };
      transport.setUpQueue(receiveQueueIndex(pair), setup);
    },
    restartTransmit: (pair) => {
      const { size } = txInits[pair];
      transport.setUpQueue(transmitQueueIndex(pair), { size, addresses: tx[pair].addresses });
    },
    lendInterrupt: (pair) => interrupts?.lend(pair, rx[pair]),
    details: (): VirtioLoanDetails => {
      const { kind, features } = rxInits[0];
      const lent = ({ size, address }: QueueInit, totals: Float64Array, index: number): LentVirtioQueue => {
        return { size, address, totals, index, doorbell: transport.doorbellOf(index) };
      };
      return {
        kind,
        features,
        rx: rxInits.map((init, pair) => lent(init, rx[pair].totals, receiveQueueIndex(pair))),
        tx: txInits.map((init, pair) => lent(init, tx[pair].totals, transmitQueueIndex(pair))),
      };
    },
  };
}

function checkResettable(address: string, agreed: FeatureSet): void {
  if (hasFeature(agreed, 'RING_RESET')) return;
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${address}: queues can be lent only of a device that gives each back by itself (RING_RESET), which was not agreed on`,
  );
}
