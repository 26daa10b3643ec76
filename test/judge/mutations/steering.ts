/** Which queue the card chooses for a frame. */
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { FlowDirector } from '../../../src/emulation/ixgbe/receive/flow-director.ts';
import { Rss } from '../../../src/emulation/ixgbe/receive/rss.ts';
import { steersByFilter } from '../suites/flow-director.ts';
import { spreadsFlows, spreadsFlowsAnew } from '../suites/rss.ts';
import { type Mend, type Mutation, misunderstand, replace, writeWrong } from './mutation.ts';

const { MRQC, RETA, RSSRK } = ixgbe;
/** Of `FlowDirector.queue`: it chooses none. */
const NONE = -1;

export const STEERING: readonly Mutation[] = [
  {
    name: 'uses another key for the hash',
    section: RSSRK.section,
    breaks: () => misunderstand(RSSRK, (value, index) => (index === 3 ? value ^ 1 : value)),
    setup: true,
    caughtBy: [spreadsFlows],
  },
  {
    name: 'sends all flows to one queue',
    section: RETA.section,
    breaks: () =>
      classifyAs((rss) => {
        rss.queue = 0;
      }),
    caughtBy: [spreadsFlows],
  },
  {
    name: 'keeps the table of queues that it had',
    section: RETA.section,
    breaks: (nic) => writeWrong(nic, RETA, () => undefined),
    caughtBy: [spreadsFlowsAnew],
  },
  {
    name: 'leaves the ports of TCP out of the hash',
    section: MRQC.section,
    breaks: () => misunderstand(MRQC, (value) => value & ~MRQC.bits.TCP_IPV4.mask),
    setup: true,
    caughtBy: [spreadsFlows],
  },
  {
    name: 'looks for no flow',
    section: '7.1.2.7',
    breaks: () =>
      replace(
        FlowDirector.prototype,
        'classify',
        () =>
          function (this: FlowDirector) {
            this.matched = false;
            this.queue = NONE;
          },
      ),
    caughtBy: [steersByFilter],
  },
];

function classifyAs(change: (rss: Rss) => void): Mend {
  return replace(
    Rss.prototype,
    'classify',
    (original) =>
      function (this: Rss, bytes, headers) {
        original.call(this, bytes, headers);
        change(this);
      },
  );
}
