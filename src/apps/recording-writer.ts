/** The thread that writes a recording: takes what the loops' ring brings until all of them have ended. */
import { PacketBatch } from '../memory/packet-batch.ts';
import type { WorkerContext } from '../workers/index.ts';
import { PacketRecorder } from './packet-recorder.ts';
import { poll } from './poll.ts';
import { ENDED, LEFT_OUT, RECORDING_RING, type RecordingShare, WRITTEN } from './recording.ts';

const BATCH = 256;
/** Half of what a ring holds comes in so long at 10 million packets a second. */
const NAP_MILLISECONDS = 0.1;
const IDLE_MILLISECONDS = 0.5;

/** Packets get the time at which they come out of the ring. Rejects with `ERR_SYSTEM` where writing fails. */
export async function writeRecording(
  worker: Pick<WorkerContext, 'consumer'>,
  { options, counters, finished }: RecordingShare,
): Promise<void> {
  const ring = worker.consumer(RECORDING_RING);
  const batch = new PacketBatch(BATCH);
  const { path, ...format } = options;
  const recorder = new PacketRecorder(path, format);
  const step = (): number => {
    const received = ring.receive(batch);
    if (received === 0) return 0;
    recorder.record(batch);
    batch.free();
    counters[WRITTEN] = recorder.recorded;
    counters[LEFT_OUT] = recorder.dropped;
    return received;
  };
  /** The reader of a pipe has gone, or the last packet has come. */
  const until = (): boolean => {
    if (recorder.ended) counters[ENDED] = 1;
    if (finished.some((_, loop) => Atomics.load(finished, loop) === 0)) return false;
    while (step() > 0);
    return true;
  };
  try {
    await poll(step, { until, napMilliseconds: NAP_MILLISECONDS, idleMilliseconds: IDLE_MILLISECONDS });
  } finally {
    counters[ENDED] = 1;
    batch.free();
    recorder.close();
  }
}
