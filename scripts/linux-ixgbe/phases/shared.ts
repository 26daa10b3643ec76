/** Steps that Linux's driver takes more than once in a card's life. */
import { statistics } from '../../../src/datasheet/ixgbe/statistics.ts';
import { meanwhile, once, repeatedly, unlisted } from './steps.ts';

/** The counters, without the registers that say which queue counts where. */
const COUNTERS = Object.entries(statistics)
  .filter(([, { access }]) => access === 'RC')
  .map(([name]) => name);

export const QUIET_DEVICE = once(
  'Stop everything',
  ['RXCTRL', 'EIMC', 'EICR', 'TXDCTL', 'RXDCTL', 'CTRL'],
  'Whoever had the card before may have left it running. Reception is off, all interrupts are masked and their causes ' +
    'cleared, all 128 queues of each direction are disabled and flushed, and the card is told to start no more PCIe ' +
    'requests; STATUS is read until none is under way (5.2.5.3.2).',
);

export const RESET = once(
  'Reset',
  ['CTRL'],
  'All registers go back to their defaults, and those that the EEPROM knows are loaded from it (4.2.1.6). RST leaves a ' +
    'link alone, LRST makes it start over too: Linux takes RST if LINKS says that there is one. Both bits clear themselves.',
);

export const LINK_SETTINGS = once(
  'What the EEPROM says of the link',
  ['AUTOC', 'AUTOC2'],
  'After a reset, AUTOC and AUTOC2 hold the link mode that the EEPROM asks for. The driver remembers it, to have it at ' +
    'hand whenever it changes the mode.',
);

export const ADDRESSES = once(
  'Receive addresses',
  ['RAH', 'RAL', 'MPSAR'],
  'The EEPROM has loaded the station address into entry 0 of 128. It is read and kept; the other entries, and what ' +
    'assigns them to pools of virtual functions, are cleared, as their content is undefined after a reset (4.6.7).',
);

export const MULTICAST_TABLES = once(
  'Hash tables of addresses',
  ['MCSTCTRL', 'MTA', 'PFUTA'],
  'The tables for multicast and for more unicast addresses, 4096 bits each, are empty to begin with.',
);

export const VLAN_TABLES = once(
  'VLAN tables',
  ['VFTA', 'PFVLVF', 'PFVLVFB'],
  'Neither the table of VLANs nor that of the VLANs of pools has a defined content after a reset.',
);

export const COUNTERS_CLEARED = unlisted(
  once(
    'Counters to zero',
    COUNTERS,
    "All are read, which clears them (8.2.3.23); what they counted before is nobody's business.",
  ),
);

export const NO_SNOOP = once(
  'No-snoop off',
  ['CTRL_EXT'],
  "Without NS_DIS the card may mark DMA as not to be looked up in the processor's caches, where the newest data of an " +
    'x86 machine often is.',
);

export const PAUSE_ADVERTISED = once(
  'Pause frames at 1 Gbit/s',
  ['PCS1GANA', 'PCS1GLCTL'],
  'Should the link be negotiated at 1 Gbit/s, pause frames both ways are on offer. At 10 Gbit/s over SFP+ nothing is ' +
    'negotiated.',
);

export const RATE_LIMITERS = once(
  'No rate limits',
  ['RTTDQSEL', 'RTTBCNRC'],
  'Each transmit queue has a rate limiter behind a pair of registers: one selects the queue, the other one sets its ' +
    'limit. All are switched off.',
);

export const LASER_OFF = once(
  'Light off',
  ['ESDP', 'MMNGC'],
  "On cards for SFP+, pin 3 is wired to the module's transmitter-disable line. While nobody uses the interface, the far " +
    'end shall see no light, unless management firmware needs the link (MMNGC).',
);

export const MODULE = once(
  'What is plugged in?',
  ['FACTPS', 'I2CCTL', 'FWSM'],
  'An SFP+ module describes itself in an EEPROM of its own, which is read over I2C. The 82599 leaves that to software, ' +
    'bit by bit: every edge of clock and data is a write of I2CCTL, every bit a read. Read are the identifier, the kind ' +
    'of cable or optics, and the vendor. FACTPS tells which of the two ports this is.',
);

export const MODULE_SETTINGS = once(
  'Analog settings for the module',
  ['EERD', 'CORECTL'],
  'Copper and optics want different drive strengths. The EEPROM has a list (word 0x2B leads to it) of module kinds and ' +
    'values for CORECTL; those of the module found are copied.',
);

export const LINK_RESTART = once(
  'Restart the link',
  ['MMNGC', 'EERD', 'AUTOC', 'AUTOC2', 'ANLP1', 'LINKS'],
  "The new settings count once the link's state machine starts over: the driver asks the EEPROM whether firmware " +
    'manages the link, selects serial 10 Gbit/s (LMS=3), moves to another mode and restarts, waits until ANLP1 shows ' +
    'that the state machine has left its first state, and comes back with another restart.',
);

/** What the kernel's network stack calls for, whenever addresses or modes of the interface change. */
export const FILTERS = repeatedly(
  'Which frames come in',
  ['FCTRL', 'MTA', 'MCSTCTRL', 'MPSAR', 'RAL', 'RAH', 'PFVML2FLT', 'RXDCTL', 'VLNCTRL'],
  'All filters are written anew at every change: broadcast comes in, groups that were joined are bits of MTA, further ' +
    'unicast addresses get their entries, and the VLAN filter and stripping of tags are on. PFVML2FLT says the same for ' +
    'pool 0, which all is when there are no virtual functions.',
);

export const LINK_INTERRUPT = meanwhile(
  'The interrupt of the link',
  ['EICS', 'EICR', 'EIMC', 'EIMS'],
  'The vector for everything but queues: causes are read in EICS, which does not clear them, and cleared by writing ' +
    "them to EICR. The link's own is masked until a work queue has looked after it; the others are enabled again.",
);

export const WATCHDOG = unlisted(
  meanwhile(
    'Every two seconds',
    ['FWSM', 'EICS_EXT', ...COUNTERS],
    "A timer has the counters read before they can overflow, looks for firmware (FWSM), and raises all queues' " +
      'interrupts by EICS_EXT, in case one got lost.',
  ),
);

export const QUEUE_INTERRUPTS = unlisted(
  meanwhile(
    'The interrupts of queues',
    ['EIMS_EXT', 'EITR'],
    "A queue's vector masks itself when it fires. The kernel polls the queue until it is empty, adapts the interval " +
      'between interrupts to the traffic (EITR), and unmasks the vector (EIMS_EXT).',
  ),
);
