/** `modprobe ixgbe`: the driver finds a card and makes an interface of it. */
import type { Step } from '../segment.ts';
import * as shared from './shared.ts';
import { once } from './steps.ts';

export const PROBE: readonly Step[] = [
  once(
    'DMA allowed',
    ['config 0x04'],
    "Without the command register's bus master bit the card may not access memory, nor send MSI-X messages.",
  ),
  once(
    'EEPROM and firmware',
    ['EEC', 'FWSM'],
    'Is there an EEPROM, how large is it, and is the management firmware alive?',
  ),
  once(
    'Cryptography off',
    [
      ...['SECTXSTAT', 'SECRXSTAT', 'SECTXCTRL', 'SECRXCTRL', 'IPSTXIDX', 'IPSRXIDX'],
      ...['SECTXBUFFAF', 'SECTXMINIFG'],
    ],
    'The IPsec engine sits in both data paths. To switch it off, the paths are halted and empty (the RDY bits say so) ' +
      'before its enable bits are cleared; then transmission may again start before a frame is complete.',
  ),
  once(
    'IPsec tables cleared',
    [
      ...['IPSTXIDX', 'IPSTXKEY', 'IPSTXSALT', 'IPSRXIDX', 'IPSRXSPI', 'IPSRXIPIDX', 'IPSRXKEY', 'IPSRXSALT'],
      ...['IPSRXMOD', 'IPSRXIPADDR'],
    ],
    'Keys of a previous owner must not stay. There are 1024 associations each way and 128 addresses, in memory behind ' +
      'a window: fill the data registers, then write index and command. More than half of the accesses of the probe are these.',
  ),
  once(
    'What the card has',
    ['RXPBSIZE', 'EEC', 'WUS'],
    'Size of the receive packet buffer, and of the EEPROM; what woke the machine is noted and cleared.',
  ),
  shared.QUIET_DEVICE,
  once(
    'Is there a PHY?',
    ['MSCA', 'MSRWD'],
    'Copper cards have one behind the MDIO bus. All 32 addresses are asked for the identifier of their devices; an SFP+ ' +
      'card has none, and each answer is all ones.',
  ),
  shared.MODULE,
  shared.MODULE_SETTINGS,
  shared.LINK_RESTART,
  shared.RESET,
  shared.LINK_SETTINGS,
  shared.ADDRESSES,
  shared.MULTICAST_TABLES,
  once(
    'The EEPROM is read and summed up',
    ['EERD', 'FWSM'],
    'First where addresses for storage networks are, if any; then all words that the checksum covers, which must add ' +
      'up to 0xBABA (6.1). EERD takes an address and a start bit, and is read until it says DONE.',
  ),
  once(
    'The station address',
    ['MPSAR', 'RAL', 'RAH'],
    'Entry 0 gets the address that the interface will have, and belongs to pool 0.',
  ),
  once(
    'MSI-X on',
    ['config 0x72', 'config 0x04'],
    'The vectors are enabled while all of them are masked, the interrupt line is switched off, and the mask is taken ' +
      'away.',
  ),
  once(
    'Capabilities and names',
    ['EERD', 'FACTPS'],
    'More words of the EEPROM: wake-up, versions, and the part number that the driver prints.',
  ),
  shared.VLAN_TABLES,
  shared.COUNTERS_CLEARED,
  shared.NO_SNOOP,
  shared.PAUSE_ADVERTISED,
  once(
    'More capabilities',
    ['EERD'],
    "Word 0x2C says, among others, whether the card accepts any module or only its vendor's.",
  ),
  shared.RATE_LIMITERS,
  once('Version of the firmware', ['EERD'], "Word 0x0F leads to the firmware's part of the EEPROM."),
  shared.LASER_OFF,
  once(
    'The driver tells its version',
    ['FWSTS', 'HICR'],
    "Management firmware takes commands through shared memory, if HICR.EN is set (10.5.1). This card's does not; the " +
      'driver tries a few times and goes on without.',
  ),
  once('Last looks', ['EERD', 'FWSM'], "One more word of the EEPROM, and once more the firmware's mode."),
];
