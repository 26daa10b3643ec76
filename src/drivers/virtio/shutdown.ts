/** Stopping a device for good. Whatever a step runs into, the next ones still happen, and DMA is off before memory goes. */
import { errorMessage, IxyError } from '../../errors.ts';
import type { Logger } from '../logger.ts';
import type { VirtioInterrupts } from './interrupts.ts';
import type { QueueSet } from './queues.ts';
import type { VirtioTransport } from './transport.ts';

/** The device sends what it was given, if it can, before a reset makes it forget. */
const DRAIN_MILLISECONDS = 20;
const LOOK_MILLISECONDS = 0.1;

/**
 * Device reset (virtio 1.2, section 3.3.1), interrupts off, DMA off, packets and memory back, device released. Blocks for at
 * most 120 ms. Throws only what releasing a pool throws in checked mode (`ERR_PACKET_OWNERSHIP`: the application still holds
 * packets), after everything else is done.
 */
export function shutDown(
  transport: VirtioTransport,
  queues: QueueSet | undefined,
  interrupts: VirtioInterrupts | undefined,
  logger: Logger,
): void {
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      // That a device is gone, its owner knows.
      const gone = error instanceof IxyError && error.code === 'ERR_DEVICE_GONE';
      if (!gone) logger.warn(`while closing: ${errorMessage(error)}`);
    }
  };
  if (queues) attempt(() => drain(transport, queues));
  attempt(() => transport.resetBlocking());
  attempt(() => interrupts?.disable());
  attempt(() => transport.setBusMaster(false));
  try {
    queues?.release();
  } finally {
    attempt(() => transport.close());
  }
}

/** Waits until the transmit queues are empty; queues that were stopped are. */
function drain({ clock }: VirtioTransport, { tx }: QueueSet): void {
  const end = clock.now() + DRAIN_MILLISECONDS;
  while (tx.some((queue) => queue.pending() > 0) && clock.now() < end) clock.pause(LOOK_MILLISECONDS);
}
