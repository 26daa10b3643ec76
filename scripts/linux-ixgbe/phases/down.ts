/** `ip link set eth0 down`, and `rmmod ixgbe`. */
import type { Step } from '../segment.ts';
import * as shared from './shared.ts';
import { once } from './steps.ts';

export const DOWN: readonly Step[] = [
  shared.FILTERS,
  once('No more time stamps', ['TXSTMPH'], 'One that waits is read away.'),
  once(
    'Reception off',
    ['RXCTRL', 'PFDTXGSWC', 'RXDCTL'],
    'The switch for all queues first, then each queue. The driver looks in configuration space for the time that PCIe ' +
      'requests may take, and waits that long for ENABLE to read as 0.',
  ),
  once('Interrupts off', ['EIMC', 'EIMC_EXT'], 'All causes are masked; handlers that run are waited for.'),
  once(
    'Transmission off',
    ['TXDCTL', 'LINKS', 'DMATXCTL'],
    'Queues are flushed, which drops what has not left yet, until ENABLE reads as 0; then the switch for all.',
  ),
  shared.QUIET_DEVICE,
  once('Does firmware need the link?', ['FWSM', 'AUTOC', 'LINKS'], 'If so, the reset must leave it alone.'),
  shared.RESET,
  shared.LINK_SETTINGS,
  shared.ADDRESSES,
  shared.MULTICAST_TABLES,
  once('Addresses for storage networks', ['EERD'], 'Once more where the EEPROM has them.'),
  shared.VLAN_TABLES,
  shared.COUNTERS_CLEARED,
  shared.NO_SNOOP,
  shared.PAUSE_ADVERTISED,
  once('Capabilities', ['EERD'], 'Word 0x2C once more.'),
  shared.RATE_LIMITERS,
  once('Version of the firmware', ['EERD'], 'As in the probe.'),
  once('What the lamps show', ['LEDCTL'], 'Read, to know what to give back should somebody have the port blink.'),
  once(
    'The station address',
    ['RAH', 'RAL', 'MPSAR'],
    'The reset has given entry 0 what the EEPROM says; it gets the address that the interface has.',
  ),
  shared.LASER_OFF,
  once('No driver any more', ['CTRL_EXT'], "The card is firmware's again."),
];

export const REMOVAL: readonly Step[] = [
  once('MSI-X off', ['config 0x72', 'config 0x04'], 'And the interrupt line on, as it was found.'),
  once('No driver any more', ['CTRL_EXT'], 'Said once more.'),
  once('DMA forbidden', ['config 0x04'], 'The bus master bit is cleared: whatever the card does, memory is safe.'),
];
