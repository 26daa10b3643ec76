/** MAC addresses for ports that have none of their own. */
import { formatMac } from '../packets/index.ts';

/** Locally administered, unicast; 'ixy' in ASCII in the middle. */
const FIRST = 0x02_69_78_79_00_01;

let given = 0;

/** An address that no other port of this process has. */
export function nextMac(): string {
  return formatMac(FIRST + (given++ % 0xffff));
}
