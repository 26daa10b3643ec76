/**
 * Stopping a device for good. Nothing here may fail: whatever a step runs into, the next ones still happen, and DMA is off
 * before memory goes back.
 */
import type { Logger } from '../logger.ts';
import type { DeviceInterrupts } from './interrupts.ts';
import type { QueueSet } from './queues.ts';
import { stopReceive } from './receive.ts';
import type { Registers } from './registers.ts';
import { maskInterrupts } from './reset.ts';
import { stopTransmit } from './transmit.ts';

/** After a queue's ENABLE has cleared, its last accesses may still be under way (4.6.7.1.2). */
export const QUIET_MILLISECONDS = 0.1;
const MASTER_MILLISECONDS = 100;

/**
 * Interrupts off, queues off, DMA off, packets and memory back, device released. Blocks for at most 10 ms per queue and 120 ms. Throws
 * only what releasing a pool throws in checked mode (`ERR_PACKET_OWNERSHIP`: the application still holds packets), after
 * everything else is done.
 */
export function shutDown(
  registers: Registers,
  queues: QueueSet | undefined,
  interrupts: DeviceInterrupts | undefined,
  logger: Logger,
): void {
  const { device } = registers;
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      // A device that is gone fails every step; once is enough to hear of.
      if (!registers.gone) logger.warn(`while closing: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (interrupts && !registers.gone) attempt(() => maskInterrupts(registers));
  attempt(() => interrupts?.disable());
  if (queues && !registers.gone) {
    stopReceive(registers, [...queues.rx.keys()], attempt);
    stopTransmit(registers, [...queues.tx.keys()], attempt);
    device.clock.pause(QUIET_MILLISECONDS);
    attempt(() => registers.update('CTRL_EXT', { DRV_LOAD: 0 }));
  }
  if (!registers.gone) {
    attempt(() => registers.update('CTRL', { MASTER_DISABLE: 1 }));
    attempt(() => registers.untilBlocking('STATUS', 'MASTER_ENABLE', 0, MASTER_MILLISECONDS));
  }
  attempt(() => device.setBusMaster(false));
  try {
    queues?.release();
  } finally {
    attempt(() => device.close());
  }
}
