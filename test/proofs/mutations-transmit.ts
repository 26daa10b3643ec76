/** Mutations of the transmit path. */
import {
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_IFCS,
  TX_CMD_RS,
  TX_CMD_TSE,
  TX_CONTEXT_IPV4,
  TX_DTYP_CONTEXT,
  TX_DTYP_MASK,
  TX_INSERT_IP_CHECKSUM,
  TX_INSERT_L4_CHECKSUM,
  TX_IPSEC,
  TX_L4_TCP,
  TX_LENGTH_MASK,
  TX_PAYLEN_SHIFT,
  TX_READ_ADDRESS_HIGH,
  TX_READ_ADDRESS_LOW,
  TX_READ_COMMAND,
  TX_READ_STATUS,
} from '../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { frame, type Lab } from './lab.ts';
import { before, changes, descriptors, doorbells, FAR, type Mutation, smallPages, writes } from './mutations.ts';

const RING = 512;

/** Changes the command word of every descriptor. */
function commands(what: string, change: (command: number) => number): Mutation {
  return descriptors(what, 'tx', (words, at) => {
    words[at + TX_READ_COMMAND] = change(words[at + TX_READ_COMMAND]);
  });
}

/** Changes the status word of every descriptor. */
function statuses(what: string, change: (status: number) => number): Mutation {
  return descriptors(what, 'tx', (words, at) => {
    words[at + TX_READ_STATUS] = change(words[at + TX_READ_STATUS]);
  });
}

const CONTEXT = TX_CMD_DEXT | TX_DTYP_CONTEXT | TX_CONTEXT_IPV4 | TX_L4_TCP;

/** Every other descriptor is a context with these lengths, and those behind them ask for a checksum by it. */
function behindContexts(what: string, lengths: number, command: number): Mutation {
  return descriptors(what, 'tx', (words, at) => {
    if (at % 8 === 0) words.set([lengths, 0, CONTEXT, 20 << 8], at);
    else {
      words[at + TX_READ_COMMAND] |= command;
      words[at + TX_READ_STATUS] |= TX_INSERT_L4_CHECKSUM;
    }
  });
}

/** Two bursts while nothing can leave, seen by the device one by one. */
function sendOnDeadLink(lab: Lab): void {
  lab.wire.connected = false;
  for (let burst = 0; burst < 2; burst++) {
    lab.send(Array.from({ length: 10 }, (_, i) => frame(i, 64)));
    lab.settle();
  }
}

/** Ends a packet with every `nth` descriptor only. */
function endsEvery(nth: number): (command: number) => number {
  let count = 0;
  return (command) => (++count % nth === 0 ? command : command & ~(TX_CMD_EOP | TX_CMD_RS));
}

export const TRANSMIT_MUTATIONS = {
  'tx.ring-base': changes('misaligns the ring', 'TDBAL', (value) => value + 64),
  'tx.ring-length': changes('gives the ring a length that is no multiple of 128', 'TDLEN', (value) => value - 16),
  'tx.ring-unmapped': changes('gets the high half of the ring address wrong', 'TDBAH', (value) => value ^ FAR),
  'tx.ring-crosses-page': smallPages,
  'tx.configured-while-enabled': {
    what: 'sets the ring length of a queue that runs',
    use: (_lab, mutant) => mutant.poke('TDLEN', RING * 16),
  },
  'tx.enable-before-dma': writes('enables a queue before DMATXCTL.TE', 'DMATXCTL', 'TE', 0),
  'tx.tail-before-enable': before('sends before the queue runs', 'TXDCTL', (mutant) => mutant.ring('tx', 1)),
  'tx.tail-beyond-ring': doorbells('lets the tail reach the ring length', 'tx', () => RING),
  'tx.tail-passes-head': doorbells(
    'overwrites descriptors in use',
    'tx',
    (tail) => (tail === 20 ? 5 : tail),
    sendOnDeadLink,
  ),
  'tx.tail-idle': {
    what: 'rings the doorbell though nothing is queued',
    use: (lab, mutant) => {
      mutant.ring('tx', 0);
      lab.settle();
    },
  },
  'tx.head-read': {
    what: 'looks at the head to see what has left',
    use: (lab, mutant) => {
      for (let i = 0; i < 20; i++) {
        lab.send([frame(i, 60)]);
        lab.settle();
        mutant.peek('TDH');
      }
    },
  },
  'tx.descriptor-changed': {
    what: 'changes a descriptor that it has given away',
    use: (lab, mutant) => {
      sendOnDeadLink(lab);
      const { words, base } = mutant.descriptors('tx');
      words[base + TX_READ_ADDRESS_LOW] += 2112;
      lab.wire.connected = true;
      lab.settle();
    },
  },
  'tx.descriptor-reserved': statuses('leaves DD in a descriptor that it queues', (status) => status | 1),
  'tx.descriptor-type': commands('gives no descriptor type', (command) => command & ~TX_DTYP_MASK),
  'tx.zero-length': commands('queues buffers of no bytes', (command) => command & ~TX_LENGTH_MASK),
  'tx.payload-length': statuses('gets PAYLEN wrong', (status) => status + (1 << TX_PAYLEN_SHIFT)),
  'tx.too-many-descriptors': commands('spreads a packet over 39 descriptors', endsEvery(39)),
  'tx.rs-without-eop': commands('asks for a report in the middle of a packet', (command) =>
    (command & TX_CMD_RS) !== 0 ? command & ~TX_CMD_EOP : command,
  ),
  'tx.rs-with-wthresh': writes('sets RS and WTHRESH', 'TXDCTL', 'WTHRESH', 4),
  'tx.rs-missing': commands('never asks for a report', (command) => command & ~TX_CMD_RS),
  'tx.host-threshold': writes('sets PTHRESH and not HTHRESH', 'TXDCTL', 'HTHRESH', 0),
  'tx.packet-too-short': commands('sends 16 bytes', (command) => (command & ~TX_LENGTH_MASK) | 16),
  'tx.packet-too-long': {
    ...writes('sends jumbo frames without JUMBOEN', 'HLREG0', 'JUMBOEN', 0),
    mtu: 9000,
    use: (lab) => {
      lab.send([frame(1, 4000)]);
      lab.settle();
    },
  },
  'tx.no-padding': {
    ...writes('neither pads short frames nor lets the device do it', 'HLREG0', 'TXPADEN', 0),
    use: (lab) => {
      lab.send([frame(1, 40)]);
      lab.settle();
    },
  },
  'tx.check-sequence': commands('leaves the CRC to nobody', (command) => command & ~TX_CMD_IFCS),
  'tx.context-missing': statuses('asks for a checksum without a context', (status) => status | TX_INSERT_IP_CHECKSUM),
  'tx.context-lengths': behindContexts('describes headers that its packets have not', 0, 0),
  'tx.context-inside': descriptors('puts contexts between the descriptors of a packet', 'tx', (words, at) => {
    if (at % 12 === 0) words[at + TX_READ_COMMAND] &= ~(TX_CMD_EOP | TX_CMD_RS);
    else if (at % 12 === 4) words.set([0, 0, CONTEXT, 0], at);
  }),
  'tx.segment-size': behindContexts('cuts packets into nothing', (14 << 9) | 20, TX_CMD_TSE),
  'tx.offload': statuses('asks for IPsec, which nobody set up', (status) => status | TX_IPSEC),
  'tx.buffer-unmapped': descriptors('sends a buffer that is not mapped', 'tx', (words, at) => {
    words[at + TX_READ_ADDRESS_HIGH] ^= FAR;
  }),
  'tx.buffer-crosses-page': {
    ...smallPages,
    use: (lab) => {
      lab.send(Array.from({ length: 10 }, (_, i) => frame(i, 1514)));
      lab.settle();
    },
  },
  'tx.read-requests': changes('limits read requests', 'DTXMXSZRQ', () => 0x10),
  'tx.arbiter': {
    what: 'changes MTQC while the arbiter runs',
    mutate: (mutant) => {
      const { ARBDIS } = ixgbe.RTTDCS.bits;
      mutant.onWrite = (name, value) =>
        name === 'RTTDCS' ? value & ~ARBDIS.mask : name === 'MTQC' ? value | 1 : value;
    },
  },
} as const satisfies Record<string, Mutation>;
