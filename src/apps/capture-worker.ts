/** What each core of a capture on several cores runs. */
import type { WorkerContext } from '../workers/index.ts';
import { type CaptureOptions, capture } from './capture.ts';
import { bestPollMode } from './poll-mode.ts';
import { finishRecording, RECORDING_RING, RingRecorder } from './recording.ts';
import { writeRecording } from './recording-writer.ts';
import { type LoopOrders, loopShare } from './worker-loops.ts';

export type CaptureJob = Pick<CaptureOptions, 'batchSize' | 'pollMode'>;

export default async function captureOnCore(worker: WorkerContext<LoopOrders<CaptureJob>>): Promise<void> {
  const { index, ports, signal } = worker;
  const { job, recording } = worker.data;
  if (!recording) return;
  if (ports.length === 0) return await writeRecording(worker, recording);
  const recorder = new RingRecorder(recording, index, worker.producer(RECORDING_RING));
  try {
    const { pollMode = bestPollMode(ports) } = job;
    await capture(ports[0], recorder, { ...job, ...loopShare(worker), pollMode, signal });
  } finally {
    finishRecording(recording, index);
  }
}
