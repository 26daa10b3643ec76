/** The NICs of a machine that are not QEMU's: emulated by this process, and served to QEMU over vfio-user. */
import { ServedDevice, VfioUserServer } from '../../../src/emulation/vfio-user/index.ts';
import { isServed, type Nic, nicMac, nicName, socketOf } from './nics.ts';
import { ServedCable } from './served-cable.ts';

/** A device that judges its driver, and its cable. */
export interface ServedNic {
  readonly device: ServedDevice;
  readonly cable: ServedCable;
}

export class ServedNics {
  /** What the server had to say: of clients that come and go, and of requests that it refused. */
  readonly log: string[] = [];
  readonly #nics = new Map<number, ServedNic>();
  readonly #dmaFaults = new Map<number, number>();
  #stop = async (): Promise<void> => {};

  /** Serves those of `nics` that are served, at sockets in `share`; who has none needs no addon. */
  constructor(nics: readonly Nic[], share: string) {
    const served = nics.filter(isServed).map((nic) => {
      const cable = new ServedCable(`${share}/${nicName(nic)}`);
      const device = ServedDevice.create('ixgbe', { mac: nicMac(nic), strict: true });
      device.model.wire = cable;
      this.#nics.set(nic.slot, { device, cable });
      return { path: socketOf(nic, share), device };
    });
    if (served.length === 0) return;
    const server = new VfioUserServer(served, (message) => this.log.push(message));
    const controller = new AbortController();
    const ended = server.run(controller.signal);
    this.#stop = async () => {
      controller.abort();
      await ended;
      server.close();
    };
  }

  /** Throws if it is not one of them. */
  get(nic: Nic): ServedNic {
    const served = this.#nics.get(nic.slot);
    if (!served) throw new Error(`${nicName(nic)} is none that this process serves`);
    return served;
  }

  /** Rules that drivers have broken since this was asked last, and where; DMA to memory that was not theirs is one. */
  brokenRules(): string[] {
    const rules = [...this.#nics].flatMap(([slot, { device }]) => {
      const { model } = device;
      const { violations } = model;
      model.clearViolations();
      const faults = model.dmaFaults - (this.#dmaFaults.get(slot) ?? 0);
      this.#dmaFaults.set(slot, model.dmaFaults);
      const broken = violations.map(({ rule, register, found }) => `${rule}: ${register ?? ''} ${found}`.trimEnd());
      return [...broken, ...(faults > 0 ? [`${faults} DMA faults`] : [])];
    });
    return [...new Set(rules)];
  }

  async close(): Promise<void> {
    await this.#stop();
    for (const { cable } of this.#nics.values()) cable.close();
  }
}
