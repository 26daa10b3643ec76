/** The bus to external PHYs (datasheet rev 3.4, section 3.7.7). An SFP+ port has none: commands end, reads give ones. */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import { extract } from '../../../datasheet/registers.ts';
import { MICROSECOND } from '../../timers.ts';
import type { ModelContext } from '../context.ts';

const COMMAND_TIME = 5 * MICROSECOND;
const READS = [2, 3];
const NOBODY = 0xffff;
const { MSCA, MSRWD } = ixgbe;

export function connectMdio({ registers, timers, judge }: ModelContext): void {
  const { MDICMD, OPCODE } = MSCA.bits;
  registers.onWrite(MSCA, (value, before) => {
    if ((before & MDICMD.mask) !== 0) {
      judge.record('mdio.busy', { register: 'MSCA' });
      return before;
    }
    if ((value & MDICMD.mask) !== 0) {
      timers.after(COMMAND_TIME, () => {
        registers.set(MSCA, registers.get(MSCA) & ~MDICMD.mask);
        if (READS.includes(extract(OPCODE, value))) registers.set(MSRWD, NOBODY << MSRWD.bits.MDIRDDATA.shift);
      });
    }
    return value;
  });
}
