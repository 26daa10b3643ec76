/** Emulated 82599s that a virtual machine is given, each by a socket of its own. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IxgbeModelOptions } from '../../../src/emulation/ixgbe/model.ts';
import { ServedDevice, VfioUserServer } from '../../../src/emulation/vfio-user/index.ts';
import { RegisterNames } from '../../../src/emulation/vfio-user/register-names.ts';
import type { WireEnd } from '../../../src/emulation/wire.ts';
import type { AttachedNic } from '../../vm/harness/machine.ts';

/** A NIC, and its place in the machine. */
export interface NicVariant extends Omit<AttachedNic, 'socket'> {
  readonly options: IxgbeModelOptions;
  readonly wire: WireEnd;
}

/** Where this process serves the NIC of that index. */
export function socketPath(index: number): string {
  return join(tmpdir(), `ixy-judge-${process.pid}-${index}.sock`);
}

export class NicServer {
  /** In the order of the variants; strict. */
  readonly devices: readonly ServedDevice[];
  /** What the machine is to be told. */
  readonly served: readonly AttachedNic[];
  /** Accesses of registers that no table names: '?0x12345'. */
  readonly unknown = new Set<string>();
  /** What the server had to say. */
  readonly log: string[] = [];
  readonly #controller = new AbortController();
  #server: VfioUserServer | undefined;
  #running: Promise<void> | undefined;

  constructor(variants: readonly NicVariant[]) {
    const names = new RegisterNames('ixgbe');
    this.devices = variants.map(({ options, wire }) => {
      const device = ServedDevice.create('ixgbe', { strict: true, ...options });
      device.model.wire = wire;
      device.regions.onAccess = (_write, region, offset) => {
        const name = names.nameOf(region, offset);
        if (name.startsWith('?')) this.unknown.add(name);
      };
      return device;
    });
    this.served = variants.map(({ options: _options, wire: _wire, ...place }, i) => ({
      ...place,
      socket: socketPath(i),
    }));
  }

  start(): void {
    const sockets = this.served.map(({ socket }, i) => ({ path: socket, device: this.devices[i] }));
    const server = new VfioUserServer(sockets, (message) => this.log.push(message));
    this.#server = server;
    this.#running = server.run(this.#controller.signal);
  }

  async close(): Promise<void> {
    this.#controller.abort();
    await this.#running;
    this.#server?.close();
    for (const { model } of this.devices) model.wire?.close();
  }
}
