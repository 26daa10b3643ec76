/** The capture: everything that a port receives, recorded. */
import type { NetDevice } from '../drivers/net-device.ts';
import { checkInteger } from '../errors.ts';
import { PacketBatch } from '../memory/packet-batch.ts';
import type { PacketRecorder } from './packet-recorder.ts';
import { DONE, type PollMode, poll } from './poll.ts';
import { POLL_BUDGET, pollOptions } from './poll-mode.ts';
import { StreamEnd } from './stream-end.ts';

/** What `capture` is asked for. */
export interface CaptureOptions {
  readonly signal?: AbortSignal | undefined;
  /** Packets to receive; default: without end. */
  readonly count?: number | undefined;
  /** The poll budget: most packets per burst, 1 … 4096; default `POLL_BUDGET`, 64. */
  readonly batchSize?: number | undefined;
  /** How to wait for packets; default 'busy'. `bestPollMode` knows what the port can do. */
  readonly pollMode?: PollMode | undefined;
}

/** What `capture` did. */
export interface CaptureSummary {
  /** Packets received: those recorded, and those dropped because the reader of a pipe was too slow. */
  readonly received: number;
  readonly recorded: number;
  readonly dropped: number;
}

/**
 * Records from queue 0 of `port` until the count is reached, the port's traffic is over, the reader of the recorder's pipe
 * has gone, or the signal is aborted. The recorder stays the caller's to close. Whom packets must be addressed to is the
 * port's to say: see `setPromiscuous`. Throws `ERR_ARGUMENT`, and `ERR_SYSTEM` where writing fails.
 */
export async function capture(
  port: NetDevice,
  recorder: PacketRecorder,
  options: CaptureOptions = {},
): Promise<CaptureSummary> {
  const { signal, count = Number.MAX_SAFE_INTEGER, batchSize = POLL_BUDGET, pollMode = 'busy' } = options;
  checkInteger('count', count, 0, Number.MAX_SAFE_INTEGER);
  const queue = port.rx[0];
  let batch = new PacketBatch(batchSize);
  let received = 0;
  const step = (): number => {
    const left = Math.min(count - received, batch.capacity);
    if (left === 0 || recorder.ended) return DONE;
    if (left < batch.capacity) batch = new PacketBatch(left); // the last burst before the count is reached
    const arrived = queue.receive(batch);
    if (arrived === 0) return 0;
    received += arrived;
    recorder.record(batch);
    batch.free();
    return arrived;
  };
  const stream = [new StreamEnd(port, () => received)];
  const { recorded, dropped } = recorder;
  try {
    await poll(step, {
      ...pollOptions([port], pollMode),
      signal,
      until: () => StreamEnd.reached(stream, performance.now()),
    });
  } finally {
    batch.free();
  }
  return { received, recorded: recorder.recorded - recorded, dropped: recorder.dropped - dropped };
}
