/** All mutations, by what they concern. */
import { IDENTITY, LINK, REGISTERS } from './bring-up.ts';
import { INTERRUPTS } from './interrupts.ts';
import type { Mutation } from './mutation.ts';
import { FILTERS, REPORTS } from './receive.ts';
import { COUNTERS } from './statistics.ts';
import { STEERING } from './steering.ts';
import { TIME } from './time.ts';
import { OFFLOADS, SENDING } from './transmit.ts';

export type Mutations = Readonly<Record<string, readonly Mutation[]>>;

/** What the card does to frames, and how it counts them. */
export const OF_FRAMES: Mutations = {
  'in what it does for software': OFFLOADS,
  'in what it sends': SENDING,
  'in what it lets in': FILTERS,
  'in what it reports': REPORTS,
  'in what it counts': COUNTERS,
};

/** What it does beside. */
export const OF_THE_CARD: Mutations = {
  'in which queues it chooses': STEERING,
  'in when it interrupts': INTERRUPTS,
  'in the time that it keeps': TIME,
  'in its link': LINK,
  'in its registers': REGISTERS,
  'in what it says of itself': IDENTITY,
};
