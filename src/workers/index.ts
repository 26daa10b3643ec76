/** Packet loops on several CPUs. */
export type { WorkerContext, WorkerMain, WorkerPort } from './context.ts';
export type { GroupThread, WorkerRing } from './rings.ts';
export { runWorkers, type WorkersOptions } from './run-workers.ts';
export type { Worker, WorkerEnd, WorkerState } from './worker.ts';
export type { WorkerGroup, WorkerGroupEvents } from './worker-group.ts';
