/** The emulated 82599 that Linux drives: served over vfio-user, watched at its wire and at its registers. */
import type { Register } from '../../../src/datasheet/registers.ts';
import type { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import type { AttachedNic } from '../../vm/harness/machine.ts';
import { FarEnd } from './far-end.ts';
import { NicServer } from './nic-server.ts';
import { WatchedWire } from './watched-wire.ts';

/** Addresses of both ends. */
export const GUEST = { mac: '02:00:00:00:00:0a', ip: '10.99.0.2' } as const;
export const FAR = { ip: '10.99.0.1' } as const;
export const LARGEST_MTU = 9000;

/** Where it is in its machine. */
export const JUDGED_SLOT = 10;

export class JudgedNic {
  readonly device: ServedDevice;
  readonly wire: WatchedWire;
  readonly far: FarEnd;
  /** What its machine is to be told. */
  readonly attached: AttachedNic;
  readonly #server: NicServer;

  private constructor(far: FarEnd) {
    this.far = far;
    this.wire = new WatchedWire(far.wire);
    this.#server = new NicServer([{ slot: JUDGED_SLOT, options: { mac: GUEST.mac }, wire: this.wire }]);
    [this.device] = this.#server.devices;
    [this.attached] = this.#server.served;
    this.#server.start();
  }

  /** Serves it to a machine that has `attached` at `JUDGED_SLOT`. */
  static async start(): Promise<JudgedNic> {
    return new JudgedNic(await FarEnd.make(`${FAR.ip}/24`, LARGEST_MTU));
  }

  /** As `NicServer.unknown`. */
  get unknown(): ReadonlySet<string> {
    return this.#server.unknown;
  }

  /** As `NicServer.log`. */
  get log(): readonly string[] {
    return this.#server.log;
  }

  /** What a register holds, as the driver would read it; not for those that change thereby. */
  register(register: Register, index = 0): number {
    return this.device.model.read(0, register.at(index), 4);
  }

  async close(): Promise<void> {
    await this.#server.close();
    await this.far.close();
  }
}
