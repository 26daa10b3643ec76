/** Why Linux's driver and ours do not write the same. Each difference has its reason here, or the page is not written. */
import type { Explanations } from './compare.ts';

export const DIFFERENCES: Explanations = {
  linux: [
    {
      registers: [
        ...['SECTXCTRL', 'SECTXBUFFAF', 'SECTXMINIFG', 'IPSTXIDX', 'IPSTXKEY', 'IPSTXSALT', 'IPSRXIDX', 'IPSRXSPI'],
        ...['IPSRXIPIDX', 'IPSRXKEY', 'IPSRXSALT', 'IPSRXMOD', 'IPSRXIPADDR'],
      ],
      why:
        'Linux offers IPsec. ixy.ts does not: the engine is off after a reset (SECTX_DIS, SECRX_DIS), and its tables ' +
        'matter to nobody then.',
    },
    { registers: ['WUS'], why: 'ixy.ts never puts a card to sleep, so nothing wakes the machine.' },
    {
      registers: ['MSCA'],
      why: 'ixy.ts knows from the device id whether a card has SFP+ cages, a backplane or a PHY, and looks for none.',
    },
    {
      registers: ['I2CCTL', 'CORECTL'],
      why:
        'ixy.ts takes any module, and leaves the analog settings as the EEPROM has loaded them. If cards tune them per ' +
        'kind of module, and a long or poor cable needs that, the link is worse for it: a known limit.',
    },
    {
      registers: ['PCS1GANA', 'PCS1GLCTL'],
      why: 'What is offered when 1 Gbit/s is negotiated; ixy.ts leaves that to the EEPROM.',
    },
    {
      registers: ['FWSTS'],
      why: 'Management firmware may like to hear the version of the driver; it does without.',
    },
    {
      registers: ['PFVML2FLT'],
      why: 'Filters of pools, which count only with virtual functions. ixy.ts has none.',
    },
    {
      registers: ['FDIRHKEY', 'FDIRSKEY', 'FDIRCTRL'],
      why: 'Linux has flows follow their sockets from processor to processor. A packet loop stays where it is.',
    },
    { registers: ['DCA_CTRL'], why: 'Linux writes what is the default: direct cache access is off.' },
    {
      registers: ['ETQF', 'ETQS'],
      why: 'Storage over Ethernet, and time synchronisation: protocols of the kernel, frames like others to ixy.ts.',
    },
    {
      registers: ['TDH', 'RDH'],
      why: "Heads are the card's, and 0 after a reset.",
    },
    {
      registers: ['PSRTYPE'],
      why: 'How headers are split off, and how many RSS queues a pool has. Neither is in use here.',
    },
    {
      registers: ['RSCDBU'],
      why: 'Belongs to receive side coalescing, which both switch off in RFCTL and per queue.',
    },
    {
      registers: ['TSYNCTXCTL', 'TSYNCRXCTL', 'RXMTRL', 'TIMINCA', 'SYSTIML', 'SYSTIMH'],
      why: "The card's clock, for time stamps of PTP. ixy.ts leaves it off, as a reset does.",
    },
    {
      registers: ['EIMS_EXT'],
      why: "Linux is driven by interrupts. In ixy.ts a queue's stays masked until a loop goes to sleep on it.",
    },
  ],
  ours: [
    {
      registers: ['EIMC_EXT'],
      why: 'Masks the interrupts of all 64 vectors, of which EIMC has 16: 4.6.3.1 wants all of them off.',
    },
    {
      registers: ['AUTOC2'],
      why: 'The serial interface is set to SFI, whatever the EEPROM says. Linux trusts the EEPROM.',
    },
    {
      registers: ['RQSMR', 'TQSM'],
      why: 'Each queue gets counters of its own; a reset has them all count in the first set. Linux counts in software.',
    },
    {
      registers: ['EIAM'],
      why: 'Has the lower 16 causes mask themselves as well. Linux does that with the extended registers alone.',
    },
    {
      registers: ['FTQF'],
      why: '5-tuple filters are undefined after a reset (4.6.7); left as they are, one might steer frames away.',
    },
    {
      registers: ['RTRUP2TC', 'RTRPT4C', 'RTRPCS', 'RTTDT1C', 'RTTDT2C', 'RTTPT2C'],
      why: '4.6.11.3.4 wants traffic classes and credits cleared when they are not used; some are undefined after a reset.',
    },
    {
      registers: ['DTXMXSZRQ'],
      why:
        'Without traffic classes as much as possible may be requested at a time (4.6.11.3.4). Linux keeps the default, ' +
        '4 KiB, which full packet rates may need more than.',
    },
    { registers: ['RSCCTL'], why: 'No coalescing, said per queue: as after a reset, but certain.' },
    { registers: ['TDWBAL'], why: 'No write-back of the head: as after a reset, but certain.' },
  ],
  both: [
    {
      registers: ['CTRL'],
      why: 'ixy.ts resets the link along with the rest, and so begins with a card in a known state. See the probe.',
    },
    {
      registers: ['EIMC'],
      why: 'All causes; but bit 31 is reserved.',
    },
    {
      registers: ['TXDCTL'],
      why:
        'Linux stops and flushes all 128 queues ahead of the reset. Later on it has descriptors written back in ' +
        'batches of 8; ixy.ts asks for a report here and there (RS), for which WTHRESH must be 0 (7.2.3.4).',
    },
    {
      registers: ['RXDCTL'],
      why:
        'Ahead of the reset ixy.ts stops those queues that run, and waits for them. VME has the card take VLAN tags out; ' +
        'in ixy.ts frames are what was on the wire.',
    },
    {
      registers: ['RAL', 'RAH'],
      why: 'Entry 0 already has the address that the EEPROM gave it; ixy.ts writes it when it changes.',
    },
    {
      registers: ['MCSTCTRL', 'MTA'],
      why: 'The kernel has joined a group, all hosts. ixy.ts takes all groups or none.',
    },
    { registers: ['MPSAR'], why: 'Undefined after a reset, and so cleared as a whole.' },
    {
      registers: ['VFTA', 'VLNCTRL'],
      why: "Linux has the card drop frames of VLANs that it is not in. In ixy.ts VLANs are the application's business.",
    },
    {
      registers: ['CTRL_EXT'],
      why: 'PFRSTD is for virtual functions.',
    },
    {
      registers: ['RXPBSIZE', 'TXPBTHRESH'],
      why:
        "Flow director filters take 64 KiB of Linux's receive buffer. The threshold to transmit leaves room for the " +
        'largest frame, which is 10 KiB to Linux, and what the MTU says to ixy.ts.',
    },
    { registers: ['FCTRL'], why: 'Bits 12 and 13 meant something in the 82598, and are reserved in the 82599.' },
    {
      registers: ['DCA_TXCTRL', 'DCA_RXCTRL'],
      why:
        'ixy.ts clears what the datasheet wants cleared and keeps the rest of the defaults: received data may be written ' +
        'in relaxed order. Linux forbids that, and sets bits of direct cache access, which is off.',
    },
    {
      registers: ['MRQC'],
      why:
        'Linux shares UDP out by addresses alone, unless asked for more, lest fragments and the rest of a flow part. ' +
        'ixy.ts hashes ports too: there are more flows than fragments.',
    },
    {
      registers: ['HLREG0'],
      why: 'Linux always takes jumbo frames, up to MAXFRS; ixy.ts does so if the MTU asks for it.',
    },
    {
      registers: ['SRRCTL', 'MFLCN', 'FCCFG', 'FCRTL', 'FCRTH', 'FCTTV', 'FCRTV'],
      why:
        'Linux pauses its neighbour when buffers fill up, and pauses when told to. A packet loop at full load would bring ' +
        'its neighbours to a halt: ixy.ts drops and counts, each queue by itself (DROP_EN).',
    },
    {
      registers: ['GPIE', 'EIAC'],
      why: "Modules that come and go interrupt Linux by pins, and the TCP timer's cause is cleared; ixy.ts uses neither.",
    },
    {
      registers: ['IVAR'],
      why: 'In ixy.ts transmit queues do not interrupt: descriptors are taken back when more are needed.',
    },
    {
      registers: ['EITR'],
      why: 'Linux adapts the interval to the traffic; ixy.ts lets the application choose, 20 µs if it does not.',
    },
  ],
};
