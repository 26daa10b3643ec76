/** What each core of a generator on several cores runs. */
import { type PacketDescription, PacketTemplate, type StampOptions } from '../packets/index.ts';
import type { WorkerContext } from '../workers/index.ts';
import { Generator } from './generate.ts';
import type { PacketRate } from './token-bucket.ts';
import { type LoopOrders, loopShare } from './worker-loops.ts';

/** Far enough apart that no worker comes to another one's numbers. */
const NUMBERS_EACH = 2 ** 40;

export interface GenerateJob {
  readonly template: PacketDescription;
  /** Sequence numbers of worker `i` begin at i × 2^40. */
  readonly fields: Omit<StampOptions, 'sequence'>;
  /** Each worker's. */
  readonly rate?: PacketRate | undefined;
  readonly batchSize?: number | undefined;
}

export default async function generateOnCore(worker: WorkerContext<LoopOrders<GenerateJob>>): Promise<void> {
  const { index, pool, ports, signal } = worker;
  const { template, fields, rate, batchSize } = worker.data.job;
  const generator = new Generator(ports[0], {
    ...loopShare(worker),
    template: new PacketTemplate(template),
    fields: { ...fields, sequence: { first: index * NUMBERS_EACH } },
    rate,
    batchSize,
    pool,
  });
  await generator.run(signal);
}
