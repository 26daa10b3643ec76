/** When the card interrupts, and whom. */
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { Interrupts } from '../../../src/emulation/ixgbe/interrupts.ts';
import { MsixTable } from '../../../src/emulation/msix-table.ts';
import { interruptsAtOnce } from '../suites/interrupts.ts';
import { noticesCable } from '../suites/link.ts';
import { moderatesInterrupts } from '../suites/moderation.ts';
import { interruptsByQueue } from '../suites/rss.ts';
import { type Mutation, misunderstand, readWrong, replace, writeWrong } from './mutation.ts';

const { EIAC, EICR, EICS, EITR, EIMS_EXT } = ixgbe;
const { LSC } = EICR.bits;

export const INTERRUPTS: readonly Mutation[] = [
  {
    name: 'interrupts by the other queue’s vector',
    section: '7.3.4.1',
    breaks: () =>
      replace(
        MsixTable.prototype,
        'post',
        (original) =>
          function (this: MsixTable, vector) {
            original.call(this, vector < 2 ? 1 - vector : vector);
          },
      ),
    caughtBy: [interruptsByQueue],
  },
  {
    name: 'does not interrupt for received frames',
    section: '7.3.1',
    breaks: () =>
      replace(
        Interrupts.prototype,
        'queueEvent',
        (original) =>
          function (this: Interrupts, side, queue) {
            if (side === 'tx') original.call(this, side, queue);
          },
      ),
    caughtBy: [interruptsAtOnce],
  },
  {
    name: 'keeps the causes of messages that it has sent',
    section: EIAC.section,
    breaks: () => misunderstand(EIAC, () => 0),
    setup: true,
    caughtBy: [interruptsAtOnce],
  },
  {
    name: 'does not unmask a queue’s vector again',
    section: EIMS_EXT.section,
    breaks: (nic) => writeWrong(nic, EIMS_EXT, () => undefined),
    caughtBy: [interruptsAtOnce],
  },
  {
    name: 'interrupts as often as there is cause',
    section: EITR.section,
    breaks: () => misunderstand(EITR, () => 0),
    caughtBy: [moderatesInterrupts],
  },
  {
    name: 'does not interrupt when its link changes',
    section: '7.3.1.3',
    breaks: () =>
      replace(
        Interrupts.prototype,
        'raiseOther',
        (original) =>
          function (this: Interrupts, bits) {
            original.call(this, bits & ~LSC.mask);
          },
      ),
    caughtBy: [noticesCable],
  },
  {
    name: 'does not tell why it interrupts',
    section: EICS.section,
    breaks: (nic) => readWrong(nic, EICS, () => 0),
    setup: true,
    caughtBy: [noticesCable],
  },
  {
    name: 'keeps causes that software has cleared',
    section: EICR.section,
    breaks: (nic) => writeWrong(nic, EICR, () => undefined),
    setup: true,
    caughtBy: [noticesCable],
  },
];
