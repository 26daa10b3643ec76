/** Mutations of the receive path. */
import { RX_READ_ADDRESS_HIGH, RX_READ_HEADER_LOW } from '../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { frame } from './lab.ts';
import {
  before,
  changes,
  descriptors,
  doorbells,
  FAR,
  type Mutation,
  smallPages,
  traffic,
  writes,
} from './mutations.ts';

const RING = 512;
/** Where the tail is after the first fill: the driver keeps 32 descriptors empty. */
const FIRST_TAIL = RING - 32;

export const RECEIVE_MUTATIONS = {
  'rx.ring-base': changes('misaligns the ring', 'RDBAL', (value) => value + 64),
  'rx.ring-length': changes('gives the ring a length that is no multiple of 128', 'RDLEN', (value) => value - 16),
  'rx.ring-unmapped': changes('gets the high half of the ring address wrong', 'RDBAH', (value) => value ^ FAR),
  'rx.ring-crosses-page': smallPages,
  'rx.configured-while-enabled': before('sets the ring length of a queue that runs', 'RXCTRL', (mutant) =>
    mutant.poke('RDLEN', RING * 16),
  ),
  'rx.tail-before-enable': before('gives buffers to a queue that does not run', 'RXDCTL', (mutant) =>
    mutant.ring('rx', 32),
  ),
  'rx.tail-beyond-ring': doorbells('lets the tail reach the ring length', 'rx', () => RING),
  'rx.tail-passes-head': doorbells('gives descriptors that are in use', 'rx', (tail) =>
    tail < FIRST_TAIL ? FIRST_TAIL - 1 : tail,
  ),
  'rx.tail-idle': doorbells('writes RDT = RDH', 'rx', (_tail, mutant) => mutant.peek('RDH')),
  'rx.head-read': {
    what: 'looks at the head to see what has come',
    use: (lab, mutant) => {
      for (let i = 0; i < 20; i++) {
        lab.wire.send(frame(i, 60));
        lab.settle();
        mutant.peek('RDH');
      }
    },
  },
  'rx.descriptor-changed': {
    what: 'changes a descriptor that it has given away',
    use: (lab, mutant) => {
      lab.settle();
      const { words, base } = mutant.descriptors('rx');
      words[base + 4 * 4] += 2112;
      traffic(lab);
    },
  },
  'rx.descriptor-done-set': descriptors('leaves DD in a descriptor that it arms', 'rx', (words, at) => {
    words[at + RX_READ_HEADER_LOW] |= 1;
  }),
  'rx.buffer-unmapped': descriptors('gives a buffer that is not mapped', 'rx', (words, at) => {
    words[at + RX_READ_ADDRESS_HIGH] ^= FAR;
  }),
  'rx.buffer-crosses-page': smallPages,
  'rx.buffer-size': writes('announces buffers of 0 KiB', 'SRRCTL', 'BSIZEPACKET', 0),
  'rx.descriptor-type': writes('chooses a reserved descriptor type', 'SRRCTL', 'DESCTYPE', 3),
  'rx.filter-while-enabled': {
    ...writes('does not halt the receiver while it changes filters', 'RXCTRL', 'RXEN', 1),
    use: (lab) => lab.nic.setPromiscuous(true),
  },
  'rx.setup-while-enabled': before('enables the receiver before it is set up', 'RDRXCTL', (mutant) =>
    mutant.poke('RXCTRL', 1),
  ),
  'rx.crc-strip': writes('strips the CRC in one of two places', 'RDRXCTL', 'CRC_STRIP', 0),
  'rx.rsc-first-size': writes('leaves RSCFRSTSIZE set', 'RDRXCTL', 'RSCFRSTSIZE', 1),
  'rx.dma-bits': writes('leaves RSCACKC clear', 'RDRXCTL', 'RSCACKC', 0),
  'rx.no-snoop': writes('leaves NS_DIS clear', 'CTRL_EXT', 'NS_DIS', 0),
  'rx.dca-control': writes('sets bit 12 of DCA_RXCTRL', 'DCA_RXCTRL', 'MUST_BE_ZERO', 1),
  'rx.rss-while-enabled': {
    what: 'switches RSS on when it is asked to, and not before',
    use: (_lab, { file }) => file.write32(ixgbe.MRQC.offset, 1),
  },
  'rx.vlan-table': {
    ...changes('filters VLANs by a table that it never wrote', 'VFTA', () => undefined),
    use: (lab, { file }) => {
      file.write32(ixgbe.VLNCTRL.offset, file.read32(ixgbe.VLNCTRL.offset) | ixgbe.VLNCTRL.bits.VFE.mask);
      const tagged = frame(0, 64);
      tagged.set([0x81, 0x00], 12);
      lab.wire.send(tagged);
      lab.settle();
    },
  },
  'rx.flow-director-off': {
    what: 'adds filters to a Flow Director that it has not set up',
    use: (_lab, { file }) => file.write32(ixgbe.FDIRCMD.offset, 1),
  },
  'rx.header-split': writes('splits headers off', 'SRRCTL', 'DESCTYPE', 2),
  'rx.address-invalid': {
    ...writes('drops RAH.AV when it sets its address', 'RAH', 'AV', 0),
    use: (lab) => {
      lab.nic.setMac('02:00:00:00:00:07');
      traffic(lab);
    },
  },
} as const satisfies Record<string, Mutation>;
