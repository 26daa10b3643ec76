/** The semaphores that drivers and firmware share (datasheet rev 3.4, section 10.5.4). */
import { ixgbe } from '../../../datasheet/ixgbe/index.ts';
import type { ModelContext } from '../context.ts';

const { SWSM, SW_FW_SYNC, FWSM } = ixgbe;
/** Bits of SW_FW_SYNC that only the firmware sets, and how far each lies from software's bit for the same resource. */
const FIRMWARE_BITS = 0x1e0;
const SOFTWARE_TO_FIRMWARE = 5;
const SOFTWARE_BITS = 0x1f;

export class Semaphores {
  readonly #context: ModelContext;

  constructor(context: ModelContext) {
    this.#context = context;
    const { registers, judge } = context;
    const { SMBI, SWESMBI } = SWSM.bits;
    registers.onRead(SWSM, (stored) => {
      registers.set(SWSM, stored | SMBI.mask);
      return stored;
    });
    // SWESMBI sticks at once: this firmware takes the semaphore only when a test says so.
    registers.onWrite(SWSM, (value) => {
      const firmwareHolds = (registers.get(FWSM) & FWSM.bits.FWSMBI.mask) !== 0;
      return value & (SMBI.mask | (firmwareHolds ? 0 : SWESMBI.mask));
    });
    registers.onWrite(SW_FW_SYNC, (value, before) => {
      if ((registers.get(SWSM) & SWESMBI.mask) === 0) judge.record('semaphore.not-held', { register: 'SW_FW_SYNC' });
      const taken = value & ~before & SOFTWARE_BITS;
      if ((taken & ((before & FIRMWARE_BITS) >>> SOFTWARE_TO_FIRMWARE)) !== 0) {
        judge.record('semaphore.conflict', { register: 'SW_FW_SYNC', found: value.toString(16) });
      }
      return (value & ~FIRMWARE_BITS) | (before & FIRMWARE_BITS);
    });
    registers.onWrite(FWSM, (_value, before) => before);
  }

  /** The firmware is there and its code is valid. */
  reset(): void {
    this.#context.registers.set(FWSM, FWSM.bits.FW_VAL.mask);
  }

  /** The firmware takes the semaphore, or gives it back. */
  setFirmwareHolds(holds: boolean): void {
    const { registers } = this.#context;
    const without = registers.get(FWSM) & ~FWSM.bits.FWSMBI.mask;
    registers.set(FWSM, holds ? without | FWSM.bits.FWSMBI.mask : without);
  }

  /** The firmware uses these resources, as `FW_…` bits of SW_FW_SYNC, and no others. */
  setFirmwareUses(bits: number): void {
    const { registers } = this.#context;
    registers.set(SW_FW_SYNC, (registers.get(SW_FW_SYNC) & ~FIRMWARE_BITS) | (bits & FIRMWARE_BITS));
  }
}
