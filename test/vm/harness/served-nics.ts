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
  readonly #server: VfioUserServer;
  readonly #served: Promise<void>;
  readonly #controller = new AbortController();

  /** Serves those of `nics` that are served, at sockets in `share`. */
  constructor(nics: readonly Nic[], share: string) {
    const served = nics.filter(isServed).map((nic) => {
      const cable = new ServedCable(`${share}/${nicName(nic)}`);
      const device = ServedDevice.create('ixgbe', { mac: nicMac(nic), strict: true });
      device.model.wire = cable;
      this.#nics.set(nic.slot, { device, cable });
      return { path: socketOf(nic, share), device };
    });
    this.#server = new VfioUserServer(served, (message) => this.log.push(message));
    this.#served = this.#server.run(this.#controller.signal);
  }

  /** Throws if it is not one of them. */
  get(nic: Nic): ServedNic {
    const served = this.#nics.get(nic.slot);
    if (!served) throw new Error(`${nicName(nic)} is none that this process serves`);
    return served;
  }

  async close(): Promise<void> {
    this.#controller.abort();
    await this.#served;
    this.#server.close();
    for (const { cable } of this.#nics.values()) cable.close();
  }
}
