/**
 * The registers of the 82599, as Intel's datasheet (revision 3.4) lists them in section 8.2.3; X540 and X550 keep them,
 * but for what their own datasheets add. Driver and device model share this table and nothing else.
 */
import { dcb } from './dcb.ts';
import { eeprom } from './eeprom.ts';
import { filters } from './filters.ts';
import { firmware } from './firmware.ts';
import { flowControl } from './flow-control.ts';
import { flowDirector } from './flow-director.ts';
import { general } from './general.ts';
import { interrupts } from './interrupts.ts';
import { link } from './link.ts';
import { offloads } from './offloads.ts';
import { receive } from './receive.ts';
import { statistics } from './statistics.ts';
import { transmit } from './transmit.ts';
import { virtualization } from './virtualization.ts';

export { ixgbeX550 } from './x550.ts';

export const ixgbe = {
  ...general,
  ...firmware,
  ...eeprom,
  ...interrupts,
  ...receive,
  ...transmit,
  ...filters,
  ...flowDirector,
  ...flowControl,
  ...link,
  ...statistics,
  ...dcb,
  ...virtualization,
  ...offloads,
} as const;

/** Name of a register in the table. */
export type IxgbeRegister = keyof typeof ixgbe;
