/** `ip link set eth0 down`, and `rmmod ixgbe`. */
import type { Step } from '../segment.ts';
import * as shared from './shared.ts';

export const DOWN: readonly Step[] = [
  shared.FILTERS,
  {
    title: 'No more time stamps',
    why: 'One that waits is read away.',
    registers: ['TXSTMPH'],
  },
  {
    title: 'Reception off',
    why:
      'The switch for all queues first, then each queue. The driver looks in configuration space for the time that PCIe ' +
      'requests may take, and waits that long for ENABLE to read as 0.',
    registers: ['RXCTRL', 'PFDTXGSWC', 'RXDCTL'],
  },
  {
    title: 'Interrupts off',
    why: 'All causes are masked; handlers that run are waited for.',
    registers: ['EIMC', 'EIMC_EXT'],
  },
  {
    title: 'Transmission off',
    why: 'Queues are flushed, which drops what has not left yet, until ENABLE reads as 0; then the switch for all.',
    registers: ['TXDCTL', 'LINKS', 'DMATXCTL'],
  },
  shared.QUIET_DEVICE,
  {
    title: 'Does firmware need the link?',
    why: 'If so, the reset must leave it alone.',
    registers: ['FWSM', 'AUTOC', 'LINKS'],
  },
  shared.RESET,
  shared.LINK_SETTINGS,
  shared.ADDRESSES,
  shared.MULTICAST_TABLES,
  {
    title: 'Addresses for storage networks',
    why: 'Once more where the EEPROM has them.',
    registers: ['EERD'],
  },
  shared.VLAN_TABLES,
  shared.COUNTERS_CLEARED,
  shared.NO_SNOOP,
  shared.PAUSE_ADVERTISED,
  {
    title: 'Capabilities',
    why: 'Word 0x2C once more.',
    registers: ['EERD'],
  },
  shared.RATE_LIMITERS,
  {
    title: 'Version of the firmware',
    why: 'As in the probe.',
    registers: ['EERD'],
  },
  {
    title: 'What the lamps show',
    why: 'Read, to know what to give back should somebody have the port blink.',
    registers: ['LEDCTL'],
  },
  {
    title: 'The station address',
    why: 'The reset has given entry 0 what the EEPROM says; it gets the address that the interface has.',
    registers: ['RAH', 'RAL', 'MPSAR'],
  },
  shared.LASER_OFF,
  {
    title: 'No driver any more',
    why: "The card is firmware's again.",
    registers: ['CTRL_EXT'],
  },
];

export const REMOVAL: readonly Step[] = [
  {
    title: 'MSI-X off',
    why: 'And the interrupt line on, as it was found.',
    registers: ['config 0x72', 'config 0x04'],
  },
  {
    title: 'No driver any more',
    why: 'Said once more.',
    registers: ['CTRL_EXT'],
  },
  {
    title: 'DMA forbidden',
    why: 'The bus master bit is cleared: whatever the card does, memory is safe.',
    registers: ['config 0x04'],
  },
];
