/** What the card counts. */
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../../src/datasheet/registers.ts';
import { ACCEPTED, AddressFilter } from '../../../src/emulation/ixgbe/receive/address-filter.ts';
import type { JudgedNic } from '../harness/judged-nic.ts';
import { dropsByFilter } from '../suites/flow-director.ts';
import { countsMissedFrames, keepsPauseFrames } from '../suites/limits.ts';
import { countsFrames } from '../suites/statistics.ts';
import { all, type Mend, type Mutation, readWrong, replace } from './mutation.ts';

const { BPRC, FDIRMATCH, GORCL, GOTCL, GPRC, GPTC, LXOFFRXCNT, MPC, MPRC, QPRDC } = ixgbe;
const CRC_BYTES = 4;
/** What a counter holds that was never cleared. */
const COUNTED_BEFORE = 1000;

const offByOne: readonly Mutation[] = Object.entries({ GPRC, GORCL, GPTC, GOTCL, MPRC, BPRC }).map(
  ([name, register]) => ({
    name: `counts one too few in ${name}`,
    section: register.section,
    breaks: (nic) => readWrong(nic, register, (value) => Math.max(0, value - 1)),
    caughtBy: [countsFrames],
  }),
);

const stuck: readonly Mutation[] = Object.entries({ GPRC, GOTCL }).map(([name, register]) => ({
  name: `does not begin ${name} anew when it was read`,
  section: register.section,
  breaks: (nic) => neverCleared(nic, register),
  caughtBy: [countsFrames],
}));

export const COUNTERS: readonly Mutation[] = [
  ...offByOne,
  ...stuck,
  {
    name: 'leaves the CRC out of the bytes sent',
    section: GOTCL.section,
    breaks: (nic) => {
      let frames = 0;
      const mendWire = replace(nic.wire, 'deliver', (original) => (...frame) => {
        const delivered = original.apply(nic.wire, frame);
        if (delivered) frames++;
        return delivered;
      });
      const mendCounter = readWrong(nic, GOTCL, (value) => {
        const without = value - CRC_BYTES * frames;
        frames = 0;
        return without;
      });
      return all([mendWire, mendCounter]);
    },
    caughtBy: [countsFrames],
  },
  {
    name: 'takes frames that no filter lets in for good ones',
    section: GPRC.section,
    breaks: (nic) => {
      let rejected = 0;
      const mendFilter = replace(
        AddressFilter.prototype,
        'judge',
        (original) =>
          function (this: AddressFilter, ...frame) {
            const verdict = original.apply(this, frame);
            if ((verdict & ACCEPTED) === 0) rejected++;
            return verdict;
          },
      );
      const mendCounter = readWrong(nic, GPRC, (value) => {
        const more = value + rejected;
        rejected = 0;
        return more;
      });
      return all([mendFilter, mendCounter]);
    },
    caughtBy: [countsFrames],
  },
  {
    name: 'does not say which frames it has missed',
    section: MPC.section,
    breaks: (nic) => readWrong(nic, MPC, () => 0),
    caughtBy: [countsMissedFrames],
  },
  {
    name: 'says that it has dropped what it has not',
    section: QPRDC.section,
    breaks: (nic) => readWrong(nic, QPRDC, () => 1),
    caughtBy: [countsFrames],
  },
  {
    name: 'does not count PAUSE frames',
    section: LXOFFRXCNT.section,
    breaks: (nic) => readWrong(nic, LXOFFRXCNT, () => 0),
    caughtBy: [keepsPauseFrames],
  },
  {
    name: 'does not count the flows that it has found',
    section: FDIRMATCH.section,
    breaks: (nic) => readWrong(nic, FDIRMATCH, () => 0),
    caughtBy: [dropsByFilter],
  },
];

function neverCleared(nic: JudgedNic, register: Register): Mend {
  let total = COUNTED_BEFORE;
  return readWrong(nic, register, (value) => {
    total += value;
    return total;
  });
}
