/** An interface with a link and some pings: few registers are left. */
import type { Step } from '../segment.ts';
import * as shared from './shared.ts';

export const RUNNING: readonly Step[] = [
  {
    title: 'Frames to send',
    why: 'The tail (TDT) moves behind the last descriptor: the only access that a frame takes. The head is never read.',
    registers: ['TDT'],
    comes: 'repeatedly',
    unlisted: true,
  },
  {
    title: 'Buffers to receive into',
    why: 'New buffers go to the card by a move of the tail (RDT), 16 or more at a time.',
    registers: ['RDT'],
    comes: 'repeatedly',
    unlisted: true,
  },
  shared.QUEUE_INTERRUPTS,
  shared.WATCHDOG,
];
