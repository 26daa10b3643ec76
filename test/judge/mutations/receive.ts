/** Which frames the card lets in, and what it does to them. */
import {
  RX_ERROR_IP_CHECKSUM,
  RX_ERROR_L4_CHECKSUM,
  RX_STATUS_L4_CHECKSUM,
  RX_TYPE_UDP,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { insert } from '../../../src/datasheet/registers.ts';
import { ACCEPTED, AddressFilter, BROADCAST, MULTICAST } from '../../../src/emulation/ixgbe/receive/address-filter.ts';
import { PauseFrames } from '../../../src/emulation/ixgbe/receive/pause-frames.ts';
import { ReceiveQueue } from '../../../src/emulation/ixgbe/receive/receive-queue.ts';
import type { ReceiveReport } from '../../../src/emulation/ixgbe/receive/receive-report.ts';
import { VlanFilter } from '../../../src/emulation/ixgbe/receive/vlan-filter.ts';
import {
  areOpenWhilePromiscuous,
  closeToLeftVlans,
  findWrongChecksums,
  handleTags,
  passAllGroups,
  passAllOwnAddresses,
  passJoinedGroups,
  passJoinedVlans,
  passMeantFrames,
} from '../suites/filters.ts';
import { keepsPauseFrames, refusesLongFrames } from '../suites/limits.ts';
import { countsFrames } from '../suites/statistics.ts';
import { answersPings } from '../suites/traffic.ts';
import { all, type Mend, type Mutation, misunderstand, replace, writeWrong } from './mutation.ts';

const { FCTRL, HLREG0, MAXFRS, MTA, RAH, RAL, RXDCTL, VFTA } = ixgbe;

export const FILTERS: readonly Mutation[] = [
  {
    name: 'lets frames for anybody in',
    section: '7.1.1.1.1',
    breaks: () => judgeAs((verdict) => ((verdict & (MULTICAST | BROADCAST)) === 0 ? verdict | ACCEPTED : verdict)),
    caughtBy: [passMeantFrames],
  },
  {
    name: 'lets all groups in',
    section: '7.1.1.1.2',
    breaks: () => judgeAs((verdict) => ((verdict & MULTICAST) !== 0 ? verdict | ACCEPTED : verdict)),
    caughtBy: [passMeantFrames],
  },
  {
    name: 'drops broadcasts',
    section: FCTRL.section,
    breaks: () => judgeAs((verdict) => ((verdict & BROADCAST) !== 0 ? 0 : verdict)),
    caughtBy: [passMeantFrames],
  },
  {
    name: 'looks for groups in another word of the table',
    section: MTA.section,
    breaks: () =>
      replace(
        AddressFilter.prototype,
        'judge',
        (original) =>
          function (this: AddressFilter, bytes, offset) {
            const other = bytes.slice(offset, offset + 14);
            if ((other[0] & 1) !== 0) other[5] ^= 0x80;
            return original.call(this, other, 0);
          },
      ),
    caughtBy: [passJoinedGroups],
  },
  {
    name: 'has forgotten the table of groups',
    section: MTA.section,
    breaks: () => misunderstand(MTA, () => 0),
    caughtBy: [passJoinedGroups],
  },
  {
    name: 'knows its first address alone',
    section: RAH.section,
    breaks: () => misunderstand(RAH, (value, index) => (index === 0 ? value : 0)),
    caughtBy: [passAllOwnAddresses],
  },
  {
    name: 'lets frames in for an address that it was told to forget',
    section: RAH.section,
    breaks: (nic) => all([RAL, RAH].map((half) => writeWrong(nic, half, (value) => (value === 0 ? undefined : value)))),
    setup: true,
    caughtBy: [passAllOwnAddresses],
  },
  {
    name: 'does not become promiscuous',
    section: FCTRL.section,
    breaks: () => misunderstand(FCTRL, (value) => value & ~FCTRL.bits.UPE.mask),
    caughtBy: [areOpenWhilePromiscuous],
  },
  {
    name: 'lets no group in that nobody has joined, even when told to',
    section: FCTRL.section,
    breaks: () => misunderstand(FCTRL, (value) => value & ~FCTRL.bits.MPE.mask),
    caughtBy: [passAllGroups],
  },
  {
    name: 'lets all VLANs in',
    section: '7.1.1.2',
    breaks: () => replace(VlanFilter.prototype, 'passes', () => () => true),
    caughtBy: [closeToLeftVlans],
  },
  {
    name: 'has forgotten which VLANs were joined',
    section: VFTA.section,
    breaks: () => misunderstand(VFTA, () => 0),
    caughtBy: [passJoinedVlans],
  },
  {
    name: 'lets frames in that are longer than software wants',
    section: MAXFRS.section,
    breaks: () => misunderstand(MAXFRS, (value) => insert(MAXFRS.bits.MFS, value, 1519)),
    setup: true,
    caughtBy: [refusesLongFrames],
  },
  {
    name: 'refuses long frames whatever software wants',
    section: HLREG0.section,
    breaks: () => misunderstand(HLREG0, (value) => value & ~HLREG0.bits.JUMBOEN.mask),
    setup: true,
    caughtBy: [answersPings],
  },
  {
    name: 'hands PAUSE frames on',
    section: '3.7.7.3',
    breaks: () => replace(PauseFrames.prototype, 'takes', () => () => false),
    caughtBy: [keepsPauseFrames],
  },
];

export const REPORTS: readonly Mutation[] = [
  {
    name: 'finds no checksum wrong',
    section: '7.1.11',
    breaks: () =>
      reportAs((report) => {
        report.status &= ~(RX_ERROR_IP_CHECKSUM | RX_ERROR_L4_CHECKSUM);
      }),
    caughtBy: [findWrongChecksums],
  },
  {
    name: 'finds the checksum of TCP always right',
    section: '7.1.11',
    breaks: () =>
      reportAs((report) => {
        report.status &= ~RX_ERROR_L4_CHECKSUM;
      }),
    caughtBy: [findWrongChecksums],
  },
  {
    name: 'finds all checksums wrong',
    section: '7.1.11',
    breaks: () =>
      reportAs((report) => {
        report.status |= RX_ERROR_L4_CHECKSUM;
      }),
    caughtBy: [findWrongChecksums],
  },
  {
    name: 'does not say that it has looked at TCP’s checksum',
    section: '7.1.6.2',
    breaks: () =>
      reportAs((report) => {
        report.status &= ~RX_STATUS_L4_CHECKSUM;
      }),
    caughtBy: [findWrongChecksums],
  },
  {
    name: 'takes TCP for UDP',
    section: '7.1.6.2',
    breaks: () =>
      reportAs((report) => {
        report.type |= RX_TYPE_UDP;
      }),
    caughtBy: [findWrongChecksums],
  },
  {
    name: 'does not say that a packet is UDP’s',
    section: '7.1.6.2',
    breaks: () =>
      reportAs((report) => {
        report.type &= ~RX_TYPE_UDP;
      }),
    caughtBy: [findWrongChecksums],
  },
  {
    name: 'leaves VLAN tags in',
    section: '7.4.5',
    breaks: (nic) => writeWrong(nic, RXDCTL, (value) => value & ~RXDCTL.bits.VME.mask),
    setup: true,
    caughtBy: [handleTags],
  },
  {
    name: 'reports the tag of another VLAN',
    section: '7.4.5',
    breaks: () =>
      reportAs((report) => {
        report.vlan ^= report.vlan === 0 ? 0 : 1 << 16;
      }),
    caughtBy: [passJoinedVlans],
  },
  {
    name: 'leaves the CRC behind frames',
    section: HLREG0.section,
    breaks: () => misunderstand(HLREG0, (value) => value & ~HLREG0.bits.RXCRCSTRP.mask),
    setup: true,
    caughtBy: [countsFrames],
  },
  {
    name: 'stores one byte too few',
    section: '7.1.6.2',
    breaks: () =>
      replace(
        ReceiveQueue.prototype,
        'store',
        (original) =>
          function (this: ReceiveQueue, bytes, offset, length, report) {
            return original.call(this, bytes, offset, length > 60 ? length - 1 : length, report);
          },
      ),
    caughtBy: [countsFrames],
  },
];

function judgeAs(change: (verdict: number) => number): Mend {
  return replace(
    AddressFilter.prototype,
    'judge',
    (original) =>
      function (this: AddressFilter, bytes, offset) {
        return change(original.call(this, bytes, offset));
      },
  );
}

function reportAs(change: (report: ReceiveReport) => void): Mend {
  return replace(
    ReceiveQueue.prototype,
    'store',
    (original) =>
      function (this: ReceiveQueue, bytes, offset, length, report) {
        change(report);
        return original.call(this, bytes, offset, length, report);
      },
  );
}
