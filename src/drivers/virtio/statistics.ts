/** What the queues have counted: the device tells nothing. */
import type { DeviceStatistics } from '../net-device.ts';
import type { VirtioRxQueue } from './rx-queue.ts';
import type { VirtioTxQueue } from './tx-queue.ts';

/** All queues together. */
export function summarise(rx: readonly VirtioRxQueue[], tx: readonly VirtioTxQueue[]): DeviceStatistics {
  const sum = <Q>(queues: readonly Q[], count: (queue: Q) => number): number =>
    queues.reduce((total, queue) => total + count(queue), 0);
  return {
    rxPackets: sum(rx, (queue) => queue.packets),
    rxBytes: sum(rx, (queue) => queue.bytes),
    txPackets: sum(tx, (queue) => queue.packets),
    txBytes: sum(tx, (queue) => queue.bytes),
    rxDropped: sum(rx, (queue) => queue.badFrames),
    rxErrors: 0,
    txDropped: sum(tx, (queue) => queue.dropped),
    txErrors: 0,
  };
}

/** Each queue by itself: 'rx[0].packets', … */
export function counters(rx: readonly VirtioRxQueue[], tx: readonly VirtioTxQueue[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [index, queue] of rx.entries()) {
    for (const name of ['packets', 'bytes', 'noBuffer', 'badFrames'] as const) {
      values[`rx[${index}].${name}`] = queue[name];
    }
  }
  for (const [index, queue] of tx.entries()) {
    for (const name of ['packets', 'bytes', 'dropped'] as const) values[`tx[${index}].${name}`] = queue[name];
  }
  return values;
}
