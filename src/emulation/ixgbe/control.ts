/**
 * Device control (datasheet rev 3.4, sections 4.2, 4.6.3 and 8.2.3.1): resets with their sequence of events, and the
 * permission to do DMA.
 */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { extract, insert } from '../../datasheet/registers.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER } from '../../pci/pci-device.ts';
import { MICROSECOND, MILLISECOND } from '../timers.ts';
import { PCIE_DEVICE_CONTROL, PCIE_FUNCTION_RESET } from './config.ts';
import type { ModelContext } from './context.ts';

/** From the write of CTRL.RST until it reads 0. */
const RESET_TIME = 500 * MICROSECOND;
/** Software must leave every register alone for this long. */
const QUIET_TIME = MILLISECOND;
/** From the end of a reset until the EEPROM is read, and until the DMA engine is ready. */
const AUTO_READ_TIME = 2 * MILLISECOND;
const DMA_READY_TIME = 3 * MILLISECOND;
/** From CTRL.MASTER_DISABLE until the last request is done. */
const MASTER_STOP_TIME = 20 * MICROSECOND;

const { CTRL, STATUS, RDRXCTL, SECRXCTRL, SECRXSTAT, SECTXCTRL, SECTXSTAT, EEMNGCTL } = ixgbe;

/** What happens to the rest of the model, in this order. */
interface ResetSequence {
  /** Every register and queue is as after power-up. */
  cleared(): void;
  /** The EEPROM has been read. */
  loaded(): void;
  /** Configuration space has been written. */
  configured(): void;
}

export class Control {
  /** Whether the device may read and write memory now. */
  mayMaster = false;
  readonly #context: ModelContext;
  readonly #sequence: ResetSequence;
  #masterStopped = false;
  #resets = 0;
  #quietUntil = 0;

  /** `running` tells whether any queue is enabled; `unmasked` whether any interrupt is. */
  constructor(context: ModelContext, sequence: ResetSequence, running: () => boolean, unmasked: () => boolean) {
    this.#context = context;
    this.#sequence = sequence;
    const { registers, judge, config } = context;
    const { RST, LRST, MASTER_DISABLE } = CTRL.bits;
    registers.onWrite(CTRL, (value) => {
      if ((value & (RST.mask | LRST.mask)) !== 0) {
        if (running() && !this.#masterStopped) judge.record('reset.dma-active', { register: 'CTRL' });
        if (unmasked()) judge.record('reset.interrupts', { register: 'CTRL' });
        this.reset();
        return registers.get(CTRL) | (value & (RST.mask | LRST.mask));
      }
      this.#stopMaster((value & MASTER_DISABLE.mask) !== 0);
      return value;
    });
    // The security engines and the transmit arbiter come to rest as soon as they are told to.
    const { RX_DIS } = SECRXCTRL.bits;
    const { TX_DIS } = SECTXCTRL.bits;
    registers.onRead(SECRXSTAT, () => insert(SECRXSTAT.bits.SECRX_RDY, 0, extract(RX_DIS, registers.get(SECRXCTRL))));
    registers.onRead(SECTXSTAT, () => insert(SECTXSTAT.bits.SECTX_RDY, 0, extract(TX_DIS, registers.get(SECTXCTRL))));
    config.onWrite = (offset) => {
      const control = config.read16(PCIE_DEVICE_CONTROL);
      if (offset >= PCIE_DEVICE_CONTROL && (control & PCIE_FUNCTION_RESET) !== 0) {
        config.reset();
        this.reset();
      }
      this.#updateMaster();
      this.#sequence.configured();
    };
  }

  /** Resets the device as CTRL.RST does; PCI configuration stays. */
  reset(): void {
    const { registers, timers, faults } = this.#context;
    const attempt = ++this.#resets;
    this.#quietUntil = timers.now + QUIET_TIME;
    this.#masterStopped = false;
    registers.reset();
    this.#sequence.cleared();
    this.#updateMaster();
    if (faults.strikes('stuck-reset')) return;
    const done = RESET_TIME + (faults.strikes('slow-reset')?.nanoseconds ?? 0);
    const after = (delay: number, action: () => void): void => {
      timers.after(done + delay, () => {
        if (attempt === this.#resets) action();
      });
    };
    const { RST, LRST } = CTRL.bits;
    after(0, () => {
      registers.set(CTRL, registers.get(CTRL) & ~(RST.mask | LRST.mask));
    });
    after(AUTO_READ_TIME, () => {
      const { CFG_DONE0, CFG_DONE1 } = EEMNGCTL.bits;
      registers.set(EEMNGCTL, registers.get(EEMNGCTL) | CFG_DONE0.mask | CFG_DONE1.mask);
      this.#sequence.loaded();
    });
    after(DMA_READY_TIME, () => registers.set(RDRXCTL, registers.get(RDRXCTL) | RDRXCTL.bits.DMAIDONE.mask));
  }

  /** Strict mode: every access during the quiet time after a reset breaks a rule. */
  watchAccess(offset: number): void {
    const { timers, judge } = this.#context;
    if (timers.now >= this.#quietUntil) return;
    judge.record('register.after-reset', { found: `offset ${hexadecimal(offset)}` });
  }

  #stopMaster(stop: boolean): void {
    if (stop === this.#masterStopped) return;
    this.#masterStopped = stop;
    const { registers, timers } = this.#context;
    this.#updateMaster();
    timers.after(stop ? MASTER_STOP_TIME : 0, () => {
      const { MASTER_ENABLE } = STATUS.bits;
      registers.set(STATUS, insert(MASTER_ENABLE, registers.get(STATUS), this.#masterStopped ? 0 : 1));
    });
  }

  #updateMaster(): void {
    const command = this.#context.config.read16(PCI_COMMAND);
    this.mayMaster = (command & PCI_COMMAND_BUS_MASTER) !== 0 && !this.#masterStopped;
  }
}
