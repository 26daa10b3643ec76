/**
 * For the modules that workers run: `import { PacketBatch, poll } from 'ixy.ts/worker'`. All of it is in 'ixy.ts' as well; but each
 * thread loads its modules anew, and drivers and emulated NICs, which 'ixy.ts' brings along, take it a tenth of a second.
 */
export * from './apps/index.ts';
export * from './errors.ts';
export * from './memory/index.ts';
export * from './packets/index.ts';
export type { WorkerContext, WorkerMain, WorkerPort } from './workers/context.ts';
