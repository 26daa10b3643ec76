/** The emulated 82599 that Linux drives: served over vfio-user, watched at its wire and at its registers. */
import type { Register } from '../../../src/datasheet/registers.ts';
import { ServedDevice, VfioUserServer } from '../../../src/emulation/vfio-user/index.ts';
import { RegisterNames } from '../../../src/emulation/vfio-user/register-names.ts';
import { FarEnd } from './far-end.ts';
import { WatchedWire } from './watched-wire.ts';

/** Addresses of both ends. */
export const GUEST = { mac: '02:00:00:00:00:0a', ip: '10.99.0.2' } as const;
export const FAR = { ip: '10.99.0.1' } as const;
export const LARGEST_MTU = 9000;

export class JudgedNic {
  readonly device: ServedDevice;
  readonly wire: WatchedWire;
  readonly far: FarEnd;
  /** Accesses of registers that no table names: '?0x12345'. */
  readonly unknown = new Set<string>();
  /** What the server had to say. */
  readonly log: string[] = [];
  readonly #server: VfioUserServer;
  readonly #served: Promise<void>;
  readonly #controller = new AbortController();

  private constructor(socket: string, far: FarEnd) {
    this.far = far;
    this.wire = new WatchedWire(far.wire);
    this.device = ServedDevice.create('ixgbe', { mac: GUEST.mac, strict: true });
    this.device.model.wire = this.wire;
    const names = new RegisterNames('ixgbe');
    this.device.regions.onAccess = (_write, region, offset) => {
      const name = names.nameOf(region, offset);
      if (name.startsWith('?')) this.unknown.add(name);
    };
    this.#server = new VfioUserServer([{ path: socket, device: this.device }], (message) => this.log.push(message));
    this.#served = this.#server.run(this.#controller.signal);
  }

  /** Serves it at the path `socket`. */
  static async start(socket: string): Promise<JudgedNic> {
    return new JudgedNic(socket, await FarEnd.make(`${FAR.ip}/24`, LARGEST_MTU));
  }

  /** What a register holds, as the driver would read it; not for those that change thereby. */
  register(register: Register, index = 0): number {
    return this.device.model.read(0, register.at(index), 4);
  }

  async close(): Promise<void> {
    this.#controller.abort();
    await this.#served;
    this.#server.close();
    await this.far.close();
  }
}
