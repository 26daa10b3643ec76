/** What the card does to frames on their way out. */
import { TX_CMD_VLE, TX_INSERT_IP_CHECKSUM, TX_INSERT_L4_CHECKSUM } from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { FrameAssembly } from '../../../src/emulation/ixgbe/transmit/frame-assembly.ts';
import { OffloadEngine } from '../../../src/emulation/ixgbe/transmit/offload-engine.ts';
import { TransmitContext } from '../../../src/emulation/ixgbe/transmit/transmit-context.ts';
import { TransmitQueue } from '../../../src/emulation/ixgbe/transmit/transmit-queue.ts';
import { internetChecksum, pseudoHeaderSum4 } from '../../../src/packets/checksum.ts';
import { ETHERTYPE_IPV4, PacketStack } from '../../../src/packets/index.ts';
import { IP_PROTOCOL_TCP } from '../../../src/packets/ip.ts';
import { handleTags } from '../suites/filters.ts';
import { cutsPackets, putsInChecksums, SEGMENT } from '../suites/segmentation.ts';
import { reportsSending } from '../suites/traffic.ts';
import { all, type Mend, type Mutation, misunderstand, replace } from './mutation.ts';

const { DTXTCPFLGL, DTXTCPFLGH, HLREG0 } = ixgbe;
/** Where fields are in a frame of TCP over IPv4, or in their headers. */
const IPV4_IDENTIFICATION = 18;
const TCP_SEQUENCE = 38;
const IPV4_CHECKSUM = 10;
const TCP_CHECKSUM = 16;

export const OFFLOADS: readonly Mutation[] = [
  {
    name: 'leaves the checksum of IPv4 out of segments',
    section: '7.2.5.1',
    breaks: () => withCommands((command, status) => [command, status & ~TX_INSERT_IP_CHECKSUM]),
    caughtBy: [cutsPackets],
  },
  {
    name: 'leaves checksums of TCP and UDP out',
    section: '7.2.5.2',
    breaks: () => withCommands((command, status) => [command, status & ~TX_INSERT_L4_CHECKSUM]),
    caughtBy: [putsInChecksums],
  },
  {
    name: 'sums up one byte too few',
    section: '7.2.5.2',
    breaks: () =>
      inFrames(1, (bytes, length) => {
        const last = bytes[length - 1];
        bytes[length - 1] = 0;
        sumAnew(bytes, length);
        bytes[length - 1] = last;
      }),
    caughtBy: [cutsPackets],
  },
  {
    name: 'cuts segments that are too short',
    section: '7.2.4.3',
    breaks: () =>
      withContext((context) => {
        context.mss -= context.mss > 8 ? 8 : 0;
      }),
    caughtBy: [cutsPackets],
  },
  {
    name: 'cuts segments that are too long',
    section: '7.2.4.3',
    breaks: () =>
      withContext((context) => {
        context.mss += 1;
      }),
    caughtBy: [cutsPackets],
  },
  {
    name: 'gives all segments the same sequence number',
    section: '7.2.4.7.2',
    breaks: () =>
      inFrames(2, (bytes, length, index) => {
        const sequence = new DataView(bytes.buffer, TCP_SEQUENCE, 4);
        sequence.setUint32(0, sequence.getUint32(0) - index * SEGMENT);
        sumAnew(bytes, length);
      }),
    caughtBy: [cutsPackets],
  },
  {
    name: 'gives all segments the same identification',
    section: '7.2.4.7.1',
    breaks: () =>
      inFrames(2, (bytes, length, index) => {
        const identification = new DataView(bytes.buffer, IPV4_IDENTIFICATION, 2);
        identification.setUint16(0, identification.getUint16(0) - index);
        sumAnew(bytes, length);
      }),
    caughtBy: [cutsPackets],
  },
  {
    name: 'leaves FIN and PSH in the first segment',
    section: DTXTCPFLGL.section,
    breaks: () => misunderstand(DTXTCPFLGL, (value) => value | 0xfff),
    caughtBy: [cutsPackets],
  },
  {
    name: 'leaves FIN and PSH in the segments in between',
    section: DTXTCPFLGL.section,
    breaks: () => misunderstand(DTXTCPFLGL, (value) => value | (0xfff << 16)),
    caughtBy: [cutsPackets],
  },
  {
    name: 'takes FIN and PSH from the last segment too',
    section: DTXTCPFLGH.section,
    breaks: () => misunderstand(DTXTCPFLGH, (value) => value & ~9),
    caughtBy: [cutsPackets],
  },
  {
    name: 'puts no VLAN tags in',
    section: '7.4.4',
    breaks: () => withCommands((command, status) => [command & ~TX_CMD_VLE, status]),
    caughtBy: [handleTags],
  },
  {
    name: 'puts the tag of another VLAN in',
    section: '7.4.4',
    breaks: () =>
      withContext((context) => {
        context.vlan ^= 1;
      }),
    caughtBy: [handleTags],
  },
];

export const SENDING: readonly Mutation[] = [
  {
    name: 'drops the last byte of packets in several buffers',
    section: '7.2.1.2',
    breaks: () =>
      replace(
        FrameAssembly.prototype,
        'gather',
        (original) =>
          function (this: FrameAssembly, ring, descriptors, buffers) {
            const length = original.call(this, ring, descriptors, buffers);
            return descriptors > 1 ? length - 1 : length;
          },
      ),
    caughtBy: [cutsPackets],
  },
  {
    name: 'never says that it has sent',
    section: '7.2.3.5',
    breaks: () => replace(TransmitQueue.prototype, 'flush', () => () => {}),
    setup: true,
    caughtBy: [reportsSending],
  },
  {
    name: 'sends frames shorter than Ethernet’s minimum',
    section: HLREG0.section,
    breaks: () => misunderstand(HLREG0, (value) => value & ~HLREG0.bits.TXPADEN.mask),
    setup: true,
    caughtBy: [handleTags],
  },
];

/** Other commands and statuses than software has written into a packet's first data descriptor. */
function withCommands(change: (command: number, status: number) => [number, number]): Mend {
  return replace(
    OffloadEngine.prototype,
    'begin',
    (original) =>
      function (this: OffloadEngine, length, command, status, headers) {
        return original.call(this, length, ...change(command, status), headers);
      },
  );
}

/** Something else than software has written into a context descriptor. */
function withContext(change: (context: TransmitContext) => void): Mend {
  return replace(
    TransmitContext.prototype,
    'load',
    (original) =>
      function (this: TransmitContext, words, at) {
        original.call(this, words, at);
        change(this);
      },
  );
}

/** Changes frames of TCP over IPv4 from packets that become at least `segments` frames. */
function inFrames(segments: number, change: (bytes: Uint8Array, length: number, index: number) => void): Mend {
  let frames = 0;
  const mendBegin = replace(
    OffloadEngine.prototype,
    'begin',
    (original) =>
      function (this: OffloadEngine, ...packet) {
        frames = original.call(this, ...packet);
        return frames;
      },
  );
  const mendBuild = replace(
    OffloadEngine.prototype,
    'build',
    (original) =>
      function (this: OffloadEngine, index) {
        const length = original.call(this, index);
        const { etherType, protocol } = new PacketStack().parse(this.bytes, 0, length);
        const fits = etherType === ETHERTYPE_IPV4 && protocol === IP_PROTOCOL_TCP;
        if (fits && frames >= segments) change(this.bytes, length, index);
        return length;
      },
  );
  return all([mendBegin, mendBuild]);
}

/** Makes the checksums right for what is there now. */
function sumAnew(bytes: Uint8Array, length: number): void {
  const { network, transport, transportLength } = new PacketStack().parse(bytes, 0, length);
  const [ipField, tcpField] = [network + IPV4_CHECKSUM, transport + TCP_CHECKSUM];
  bytes.fill(0, ipField, ipField + 2).fill(0, tcpField, tcpField + 2);
  store16(bytes, ipField, internetChecksum(bytes, network, transport - network));
  const pseudoHeader = pseudoHeaderSum4(bytes, network, IP_PROTOCOL_TCP, transportLength);
  store16(bytes, tcpField, internetChecksum(bytes, transport, transportLength, pseudoHeader));
}

function store16(bytes: Uint8Array, at: number, value: number): void {
  bytes.set([value >>> 8, value], at);
}
