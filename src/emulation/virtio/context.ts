/** What the parts of the model share. */
import type { ConfigSpace } from '../config-space.ts';
import type { DmaRegions } from '../dma-regions.ts';
import type { Timers } from '../timers.ts';
import type { QueueContext } from './device-queue.ts';
import type { VirtioNetFaults } from './faults.ts';
import type { VirtioNetSetup } from './options.ts';
import type { VirtioNetJudge } from './rules.ts';

export interface VirtioContext extends QueueContext {
  readonly setup: VirtioNetSetup;
  readonly config: ConfigSpace;
  readonly regions: DmaRegions;
  readonly timers: Timers;
  readonly judge: VirtioNetJudge;
  readonly faults: VirtioNetFaults;
}
