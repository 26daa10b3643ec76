/** A served NIC and a driver's way to it in one thread: the server works whenever the driver waits, in the NIC's own time. */
import { onTestFinished } from 'vitest';
import type { ModelKind, ModelOptions, WireEnd } from '../../../src/emulation/index.ts';
import { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import type { DeviceClock } from '../../../src/pci/pci-device.ts';
import { VfioUserClient } from '../../../src/pci/vfio-user/client.ts';
import { VfioUserDevice } from '../../../src/pci/vfio-user/device.ts';
import { VfioUserDomain } from '../../../src/pci/vfio-user/domain.ts';
import { openServerEnd, type ServerEnd } from '../../emulation/vfio-user/lab.ts';

const SLICE_MILLISECONDS = 0.1;
const NANOSECONDS = 1e6;

export interface ServedNicOptions {
  readonly wire?: WireEnd;
  /** Ask for doorbells. Default true. */
  readonly doorbells?: boolean;
  readonly domain?: VfioUserDomain;
}

export class ServedNic<Kind extends ModelKind = 'ixgbe'> {
  readonly served: ServedDevice;
  readonly device: VfioUserDevice;
  readonly client: VfioUserClient;
  readonly clock: DeviceClock = {
    now: () => this.served.model.now / NANOSECONDS,
    sleep: async (milliseconds) => this.run(milliseconds),
    pause: (milliseconds) => this.run(milliseconds),
  };
  readonly #end: ServerEnd;

  /** Strict. Everything is closed with the test. */
  constructor(kind: Kind, options: ModelOptions<Kind>, { wire, doorbells = true, domain }: ServedNicOptions = {}) {
    this.served = ServedDevice.create(kind, { ...options, strict: true });
    this.served.model.wire = wire;
    this.#end = openServerEnd(this.served);
    const { connection, socket } = this.#end;
    onTestFinished(() => connection.close());
    const wait = (): void => {
      connection.poll();
      if (connection.ended !== undefined) connection.close();
    };
    this.client = new VfioUserClient('nic', socket, { doorbells, wait });
    this.device = new VfioUserDevice('nic', this.client, { clock: this.clock, domain: domain ?? new VfioUserDomain() });
    onTestFinished(() => this.device.close());
  }

  /** Requests that the server has refused. */
  get refusals(): readonly string[] {
    return this.#end.warnings;
  }

  /** Lets server and NIC work for so many milliseconds of the NIC's time. */
  run(milliseconds = 1): void {
    for (let left = milliseconds; left > 0; left -= SLICE_MILLISECONDS) {
      this.#end.connection.poll();
      this.served.advance(Math.min(left, SLICE_MILLISECONDS) * NANOSECONDS);
      this.served.step();
    }
  }

  /** The server is killed: its end of the connection is closed. */
  kill(): void {
    this.#end.connection.close();
  }
}
