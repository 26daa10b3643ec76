/**
 * What of an 82599's queues it takes to lend them. A queue changes hands while the device disables it (82599 datasheet
 * rev 3.4, sections 4.6.7.1 and 4.6.8.1).
 */
import type { LendableDevice, Queues } from '../lending/queue-lender.ts';
import type { DeviceInterrupts } from './interrupts.ts';
import type { QueueSet } from './queues.ts';
import { haltReceiveQueues, restartReceiveQueue } from './receive.ts';
import type { Registers } from './registers.ts';
import { QUIET_MILLISECONDS } from './shutdown.ts';
import { haltTransmitQueues, restartTransmitQueue } from './transmit.ts';

/** What the driver's two halves tell each other. */
export interface IxgbeLoanDetails {
  /** Whether the receive queues write packets' hashes to the pool. */
  readonly hash: boolean;
}

export function lendableIxgbe(
  registers: Registers,
  queues: QueueSet,
  interrupts: DeviceInterrupts | undefined,
): LendableDevice {
  const { device } = registers;
  return {
    dma: device.dma,
    share: device.share?.bind(device),
    rx: queues.rx,
    tx: queues.tx,
    rxBlock: (index) => queues.rxRings[index].block,
    txBlock: (index) => queues.txRings[index].block,
    checkLendable: () => {},
    halt: ({ rx, tx }: Queues) => {
      haltReceiveQueues(registers, rx, (step) => step());
      haltTransmitQueues(registers, tx, (step) => step());
      device.clock.pause(QUIET_MILLISECONDS);
      for (const index of rx) interrupts?.mask(index);
    },
    restartReceive: (index) => restartReceiveQueue(registers, index),
    restartTransmit: (index) => restartTransmitQueue(registers, index),
    lendInterrupt: (index) => interrupts?.lend(index),
    details: (): IxgbeLoanDetails => ({ hash: queues.rx.some((queue) => queue.hash) }),
  };
}
