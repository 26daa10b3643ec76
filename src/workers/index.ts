/** Packet loops on several CPUs. */
export type { WorkerContext, WorkerMain, WorkerPort } from './context.ts';
export { PollWatch } from './poll-watch.ts';
export type { GroupThread, WorkerRing } from './rings.ts';
export { runWorkers, type WorkersOptions } from './run-workers.ts';
export { type GapCause, type LongestGap, type Spent, type WatchFigures, WatchReader } from './watch-reader.ts';
export { createWatch, type WatchShare } from './watch-record.ts';
export type { Worker, WorkerEnd, WorkerState } from './worker.ts';
export type { WorkerGroup, WorkerGroupEvents } from './worker-group.ts';
