/** The card's clock. */
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { TimeStamps } from '../../../src/emulation/ixgbe/time/time-stamps.ts';
import { keepsTime, stampsMessages } from '../suites/ptp.ts';
import { type Mutation, misunderstand, readWrong, replace, writeWrong } from './mutation.ts';

const { SYSTIML, TIMINCA, TXSTMPH } = ixgbe;

export const TIME: readonly Mutation[] = [
  {
    name: 'has a clock that stands still',
    section: SYSTIML.section,
    breaks: () => misunderstand(TIMINCA, () => 0),
    caughtBy: [keepsTime],
  },
  {
    name: 'has a clock whose speed cannot be changed',
    section: TIMINCA.section,
    breaks: (nic) => writeWrong(nic, TIMINCA, () => undefined),
    caughtBy: [keepsTime],
  },
  {
    name: 'stamps no message that it sends',
    section: '7.9.3',
    breaks: () => replace(TimeStamps.prototype, 'stampSent', () => () => {}),
    setup: true,
    caughtBy: [stampsMessages],
  },
  {
    name: 'stamps messages that are no events',
    section: '7.9.3',
    breaks: () =>
      replace(
        TimeStamps.prototype,
        'stampReceived',
        (original) =>
          function (this: TimeStamps, bytes, offset, headers, marked) {
            const event = bytes.slice(offset, offset + 64);
            event[14] &= 0xf0;
            return original.call(this, event, 0, headers, marked);
          },
      ),
    caughtBy: [stampsMessages],
  },
  {
    name: 'stamps what it has sent with another time',
    section: TXSTMPH.section,
    breaks: (nic) => readWrong(nic, TXSTMPH, (value) => value ^ 0x100),
    caughtBy: [stampsMessages],
  },
];
