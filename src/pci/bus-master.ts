/** Whether a device may do DMA, and the dead man's switch that forbids it if this thread ends before the device is closed. */
import { addon } from '../native/addon.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER, type PciConfigSpace } from './pci-device.ts';

/** Sets or clears the bit alone. */
export function setBusMasterBit(config: PciConfigSpace, enabled: boolean): void {
  const others = config.read16(PCI_COMMAND) & ~PCI_COMMAND_BUS_MASTER;
  config.write16(PCI_COMMAND, enabled ? others | PCI_COMMAND_BUS_MASTER : others);
}

export class BusMaster {
  readonly #config: PciConfigSpace;
  readonly #descriptor: () => number;
  readonly #offset: number;
  /** The cleanup write that ends bus mastering. */
  #deadMansSwitch: number | undefined;

  /** `descriptor`: the file that configuration space begins in at `offset`; throws once it is closed. */
  constructor(config: PciConfigSpace, descriptor: () => number, offset = 0) {
    this.#config = config;
    this.#descriptor = descriptor;
    this.#offset = offset;
  }

  set(enabled: boolean): void {
    // Armed before DMA begins and disarmed after it has ended.
    if (enabled) this.#arm();
    setBusMasterBit(this.#config, enabled);
    if (!enabled) this.disarm();
  }

  disarm(): void {
    if (this.#deadMansSwitch === undefined) return;
    addon().disarmCleanupWrite(this.#deadMansSwitch);
    this.#deadMansSwitch = undefined;
  }

  #arm(): void {
    const command = this.#config.read16(PCI_COMMAND) & ~PCI_COMMAND_BUS_MASTER;
    const bytes = new Uint8Array([command & 0xff, command >>> 8]);
    this.#deadMansSwitch ??= addon().armCleanupWrite(this.#descriptor(), this.#offset + PCI_COMMAND, bytes);
  }
}
