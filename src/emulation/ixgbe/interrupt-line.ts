/** What configuration space has to do with the interrupt line: it forbids it, replaces it by MSI, and tells of it. */
import { PCI_COMMAND, PCI_COMMAND_INTX_DISABLE } from '../../pci/pci-device.ts';
import type { ConfigSpace } from '../config-space.ts';
import { CAPABILITIES } from './config.ts';

/** Says in configuration space that a cause waits, be the line permitted or not (PCI 3.0, section 6.2.3). */
const PCI_STATUS = 0x06;
const STATUS_INTERRUPT = 1 << 3;
/** In message control, the upper half of the capability's first word. */
const MSI_ENABLE = 1 << 16;

export class InterruptLine {
  readonly #config: ConfigSpace;
  #permitted = true;
  #replaced = false;

  /** `wanted`: whether a cause asks for the line. */
  constructor(config: ConfigSpace, wanted: () => boolean) {
    this.#config = config;
    config.onRead = (offset, length) => {
      if (offset > PCI_STATUS || offset + length <= PCI_STATUS) return;
      const others = (config.load32(PCI_COMMAND) >>> 16) & ~STATUS_INTERRUPT;
      config.store(PCI_STATUS, 2, wanted() ? others | STATUS_INTERRUPT : others);
    };
  }

  /** Whether software lets it rise. */
  get permitted(): boolean {
    return this.#permitted;
  }

  /** Whether MSI takes its place: a message needs no permission. */
  get replaced(): boolean {
    return this.#replaced;
  }

  /** Software may have changed either. */
  configWritten(): void {
    const config = this.#config;
    this.#permitted = (config.load32(PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) === 0;
    this.#replaced = (config.load32(CAPABILITIES.msi) & MSI_ENABLE) !== 0;
  }
}
