/** An interface with a link and some pings: few registers are left. */
import type { Step } from '../segment.ts';
import * as shared from './shared.ts';
import { repeatedly, unlisted } from './steps.ts';

export const RUNNING: readonly Step[] = [
  unlisted(
    repeatedly(
      'Frames to send',
      ['TDT'],
      'The tail (TDT) moves behind the last descriptor: the only access that a frame takes. The head is never read.',
    ),
  ),
  unlisted(
    repeatedly(
      'Buffers to receive into',
      ['RDT'],
      'New buffers go to the card by a move of the tail (RDT), 16 or more at a time.',
    ),
  ),
  shared.QUEUE_INTERRUPTS,
  shared.WATCHDOG,
];
