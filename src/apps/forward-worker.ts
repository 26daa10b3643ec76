/** What each core of a forwarder on several cores runs. */
import type { WorkerContext } from '../workers/index.ts';
import { Forwarder, type ForwarderOptions } from './forward.ts';
import { bestPollMode, POLL_BUDGET } from './poll-mode.ts';
import { finishRecording, RECORDING_RING, RingRecorder } from './recording.ts';
import { writeRecording } from './recording-writer.ts';
import { type LoopOrders, loopShare } from './worker-loops.ts';

export type ForwardJob = Pick<ForwarderOptions, 'batchSize' | 'pollMode' | 'whenFull'>;

export default async function forwardOnCore(worker: WorkerContext<LoopOrders<ForwardJob>>): Promise<void> {
  const { index, ports, signal } = worker;
  const { job, recording } = worker.data;
  if (recording && ports.length === 0) return await writeRecording(worker, recording);
  const [a, b] = ports;
  const { batchSize = POLL_BUDGET, pollMode = job.whenFull === 'wait' ? 'busy' : bestPollMode(ports) } = job;
  const recorder = recording && new RingRecorder(recording, index, worker.producer(RECORDING_RING), { batchSize });
  try {
    await new Forwarder(a, b, { ...job, ...loopShare(worker), batchSize, pollMode, recorder }).run(signal);
  } finally {
    if (recording) finishRecording(recording, index);
  }
}
