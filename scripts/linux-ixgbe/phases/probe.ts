/** `modprobe ixgbe`: the driver finds a card and makes an interface of it. */
import type { Step } from '../segment.ts';
import * as shared from './shared.ts';

export const PROBE: readonly Step[] = [
  {
    title: 'DMA allowed',
    why: "Without the command register's bus master bit the card may not access memory, nor send MSI-X messages.",
    registers: ['config 0x04'],
  },
  {
    title: 'EEPROM and firmware',
    why: 'Is there an EEPROM, how large is it, and is the management firmware alive?',
    registers: ['EEC', 'FWSM'],
  },
  {
    title: 'Cryptography off',
    why:
      'The IPsec engine sits in both data paths. To switch it off, the paths are halted and empty (the RDY bits say so) ' +
      'before its enable bits are cleared; then transmission may again start before a frame is complete.',
    registers: [
      ...['SECTXSTAT', 'SECRXSTAT', 'SECTXCTRL', 'SECRXCTRL', 'IPSTXIDX', 'IPSRXIDX'],
      ...['SECTXBUFFAF', 'SECTXMINIFG'],
    ],
  },
  {
    title: 'IPsec tables cleared',
    why:
      'Keys of a previous owner must not stay. There are 1024 associations each way and 128 addresses, in memory behind ' +
      'a window: fill the data registers, then write index and command. More than half of the accesses of the probe are these.',
    registers: [
      ...['IPSTXIDX', 'IPSTXKEY', 'IPSTXSALT', 'IPSRXIDX', 'IPSRXSPI', 'IPSRXIPIDX', 'IPSRXKEY', 'IPSRXSALT'],
      ...['IPSRXMOD', 'IPSRXIPADDR'],
    ],
  },
  {
    title: 'What the card has',
    why: 'Size of the receive packet buffer, and of the EEPROM; what woke the machine is noted and cleared.',
    registers: ['RXPBSIZE', 'EEC', 'WUS'],
  },
  shared.QUIET_DEVICE,
  {
    title: 'Is there a PHY?',
    why:
      'Copper cards have one behind the MDIO bus. All 32 addresses are asked for the identifier of their devices; an SFP+ ' +
      'card has none, and each answer is all ones.',
    registers: ['MSCA', 'MSRWD'],
  },
  shared.MODULE,
  shared.MODULE_SETTINGS,
  shared.LINK_RESTART,
  shared.RESET,
  shared.LINK_SETTINGS,
  shared.ADDRESSES,
  shared.MULTICAST_TABLES,
  {
    title: 'The EEPROM is read and summed up',
    why:
      'First where addresses for storage networks are, if any; then all words that the checksum covers, which must add ' +
      'up to 0xBABA (6.1). EERD takes an address and a start bit, and is read until it says DONE.',
    registers: ['EERD', 'FWSM'],
  },
  {
    title: 'The station address',
    why: 'Entry 0 gets the address that the interface will have, and belongs to pool 0.',
    registers: ['MPSAR', 'RAL', 'RAH'],
  },
  {
    title: 'MSI-X on',
    why:
      'The vectors are enabled while all of them are masked, the interrupt line is switched off, and the mask is taken ' +
      'away.',
    registers: ['config 0x72', 'config 0x04'],
  },
  {
    title: 'Capabilities and names',
    why: 'More words of the EEPROM: wake-up, versions, and the part number that the driver prints.',
    registers: ['EERD', 'FACTPS'],
  },
  shared.VLAN_TABLES,
  shared.COUNTERS_CLEARED,
  shared.NO_SNOOP,
  shared.PAUSE_ADVERTISED,
  {
    title: 'More capabilities',
    why: "Word 0x2C says, among others, whether the card accepts any module or only its vendor's.",
    registers: ['EERD'],
  },
  shared.RATE_LIMITERS,
  {
    title: 'Version of the firmware',
    why: "Word 0x0F leads to the firmware's part of the EEPROM.",
    registers: ['EERD'],
  },
  shared.LASER_OFF,
  {
    title: 'The driver tells its version',
    why:
      "Management firmware takes commands through shared memory, if HICR.EN is set (10.5.1). This card's does not; the " +
      'driver tries a few times and goes on without.',
    registers: ['FWSTS', 'HICR'],
  },
  {
    title: 'Last looks',
    why: "One more word of the EEPROM, and once more the firmware's mode.",
    registers: ['EERD', 'FWSM'],
  },
];
