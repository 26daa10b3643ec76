/** `ip link set eth0 up`: queues, interrupts and filters, until the link is there. */
import type { Step } from '../segment.ts';
import * as shared from './shared.ts';
import { once, repeatedly } from './steps.ts';

export const UP: readonly Step[] = [
  once(
    'Packet buffers',
    ['RXPBSIZE', 'TXPBSIZE', 'TXPBTHRESH'],
    'Without traffic classes one buffer has all of the memory on the card: 160 KiB to transmit, and 512 KiB to receive, ' +
      'of which 64 KiB are lent to flow director filters. Frames to transmit are fetched while no more than TXPBTHRESH of ' +
      'it is filled.',
  ),
  shared.FILTERS,
  once('VLAN 0', ['VFTA', 'PFVTCTL'], 'Frames that have a priority but no VLAN are tagged with 0, and shall come in.'),
  once(
    'Flow director',
    ['SECRXCTRL', 'SECRXSTAT', 'FDIRHKEY', 'FDIRSKEY', 'FDIRCTRL'],
    'The card will learn which processor answers which connection, by hash filters in the 64 KiB set aside. The filters ' +
      'change while reception is halted; INIT_DONE says when they are ready.',
  ),
  once(
    'Cache hints and ordering',
    ['DCA_CTRL', 'DCA_TXCTRL', 'DCA_RXCTRL'],
    'Direct cache access is off. Of relaxed ordering, what may overtake is said per queue: descriptors read and data, ' +
      'but no write-back of a descriptor.',
  ),
  once(
    'An EtherType of its own',
    ['ETQF', 'ETQS'],
    'Frames of storage over Ethernet (FCoE, 0x8906) are told from others, but get no queue of their own.',
  ),
  once(
    'One class of traffic to transmit',
    ['RTTDCS', 'MTQC'],
    'Queues are neither divided among traffic classes nor pools. That may change only while the arbiter is stopped.',
  ),
  once(
    'Transmission on',
    ['DMATXCTL'],
    'DMATXCTL.TE is the switch for all queues, and comes before the first queue is enabled (4.6.8).',
  ),
  once(
    'Transmit queues',
    ['TXDCTL', 'TDBAL', 'TDBAH', 'TDLEN', 'TDH', 'TDT', 'TDWBAL', 'TDWBAH'],
    'For each processor a ring: address, length, head and tail; thresholds for reading descriptors ahead and writing ' +
      'them back in batches; then ENABLE, and wait until it reads as set.',
  ),
  once(
    'How to receive',
    ['RXCTRL', 'PSRTYPE', 'RDRXCTL', 'RSCDBU', 'RFCTL', 'RXCSUM'],
    'Receive side coalescing is off in the global switches, CRCs are stripped (RDRXCTL and HLREG0 must agree), and ' +
      'descriptors carry the RSS hash in the place of a raw checksum (PCSD).',
  ),
  once(
    'Receive side scaling',
    ['RSSRK', 'RETA', 'MRQC'],
    'A random key, 128 entries that share hashes out among the queues, and which headers are hashed.',
  ),
  once(
    'Length of frames',
    ['MAXFRS', 'HLREG0'],
    'Frames up to MAXFRS are taken, which counts only with JUMBOEN, so that is set for usual frames too.',
  ),
  once(
    'Receive queues',
    ['RXDCTL', 'RDBAL', 'RDBAH', 'RDLEN', 'RDH', 'RDT', 'SRRCTL', 'RSCCTL'],
    'For each a ring like above, and the size of its buffers; once ENABLE reads as set, the tail moves: descriptors ' +
      "are the card's from then on.",
  ),
  once(
    'Reception on',
    ['RXCTRL', 'SECRXCTRL', 'SECRXSTAT'],
    'The path is halted and empty while the switch for all queues is set (4.6.7).',
  ),
  once(
    'The clock for time stamps',
    ['ETQF', 'TSYNCTXCTL', 'TSYNCRXCTL', 'RXMTRL', 'TXSTMPH', 'RXSTMPH', 'TIMINCA', 'SYSTIML', 'SYSTIMH'],
    'No frames are time-stamped yet, and stale stamps are read away. The clock starts at 0; its increment, 6.4 · 2²¹ ' +
      'each 6.4 ns, makes it count nanoseconds, in parts of 2⁻²¹.',
  ),
  once('A driver is there', ['CTRL_EXT'], 'Firmware is told to leave the card to the driver.'),
  once(
    'Interrupts',
    ['EIAM_EXT', 'GPIE', 'IVAR', 'EITR', 'IVAR_MISC', 'EIAC'],
    'MSI-X with a vector for each pair of queues, and one for the rest. Vectors mask themselves when they fire, and ' +
      'their causes clear by themselves (EIAM, EIAC); EITR keeps them some microseconds apart.',
  ),
  once('Light on', ['ESDP'], "The module's transmitter is enabled again."),
  once(
    'Interrupts on',
    ['EICR', 'EIMS', 'EIMS_EXT'],
    'What came before is cleared; then the link, module pins, ECC errors, and all queues may interrupt.',
  ),
  once('Ready', ['CTRL_EXT'], 'Virtual functions, if there were any, are told that the reset is over.'),
  shared.MODULE,
  shared.MODULE_SETTINGS,
  shared.LINK_RESTART,
  repeatedly(
    'Flow control',
    ['LINKS', 'MFLCN', 'FCCFG', 'FCRTL', 'FCRTH', 'FCTTV', 'FCRTV', 'RXPBSIZE', 'SRRCTL', 'EIMS'],
    'When LINKS says that the link is up, pause frames are sent and obeyed: above the high watermark of the packet ' +
      'buffer XOFF goes out, below the low one XON, with a pause of the longest time. No queue drops for want of descriptors then (SRRCTL). For ' +
      'buffers 1 to 7, which have no memory, the watermark comes out below 0, where it does no harm.',
  ),
  once(
    'The clock again',
    ['TIMINCA'],
    'What the clock counts in depends on the speed of the link, so its increment is set once more.',
  ),
  shared.LINK_INTERRUPT,
  shared.QUEUE_INTERRUPTS,
  shared.WATCHDOG,
];
