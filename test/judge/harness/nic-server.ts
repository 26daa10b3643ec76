/** Emulated 82599s that a virtual machine is given, each by a socket of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
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

export class NicServer {
  /** In the order of the variants; strict. */
  readonly devices: readonly ServedDevice[];
  /** What the machine is to be told; they have sockets once this has started. */
  readonly served: readonly AttachedNic[];
  /** Accesses of registers that no table names: '?0x12345'. */
  readonly unknown = new Set<string>();
  /** What the server had to say. */
  readonly log: string[] = [];
  /** Nobody else can put anything there. */
  #directory: string | undefined;
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
    const socketOf = (i: number): string => this.#socketOf(i);
    this.served = variants.map(({ options: _options, wire: _wire, ...place }, i) => ({
      ...place,
      get socket() {
        return socketOf(i);
      },
    }));
  }

  start(): void {
    this.#directory = mkdtempSync(join(tmpdir(), 'ixy-judge-'));
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
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true });
    this.#directory = undefined;
  }

  #socketOf(index: number): string {
    if (this.#directory === undefined) throw new Error('NICs have sockets only while they are served');
    return join(this.#directory, `${index}.sock`);
  }
}
