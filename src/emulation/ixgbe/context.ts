/** What the parts of the model share. */
import type { ConfigSpace } from '../config-space.ts';
import type { DmaRegions } from '../dma-regions.ts';
import type { RegisterSpace } from '../register-space.ts';
import type { Timers } from '../timers.ts';
import type { IxgbeFaults } from './faults.ts';
import type { IxgbeJudge } from './rules.ts';

export interface ModelContext {
  readonly registers: RegisterSpace;
  readonly timers: Timers;
  readonly judge: IxgbeJudge;
  readonly faults: IxgbeFaults;
  readonly config: ConfigSpace;
  readonly regions: DmaRegions;
  /** RX and TX tails as software stores them; QUIET where it has stored nothing since the model looked. */
  doorbells: Int32Array;
  /** Accesses to memory that is not mapped; each was blocked. */
  dmaFaults: number;
}

/** Content of a doorbell that has not rung. No valid tail. */
export const QUIET = -1;
