/**
 * The way for commands to the firmware (datasheet rev 3.4, section 10.5.1). This firmware takes none, as on cards without
 * manageability: HICR.EN reads 0, and a command that is given all the same goes nowhere.
 */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import type { ModelContext } from '../context.ts';

const { HICR, FWSTS } = ixgbe;

export function connectHostInterface({ registers }: ModelContext): void {
  const { EN, C, SV, FW_RESET } = HICR.bits;
  registers.onWrite(HICR, (value) => value & ~(EN.mask | C.mask | SV.mask | FW_RESET.mask));
  registers.onWrite(FWSTS, (_value, before, _index, written) => before & ~(written & FWSTS.bits.FWRI.mask));
}
