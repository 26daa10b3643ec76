/** A network namespace with the kernel at the far end of a TAP interface: it sends nothing by itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TapWire } from '../../../src/emulation/wires/tap.ts';
import { ip, tapName } from '../../support/tap.ts';
import { Host } from '../../vm/harness/host.ts';

/** Frames that the interface holds before it drops. */
const QUEUE_FRAMES = 10_000;
/** A process that lives as long as this one, in a namespace in which the kernel announces nothing over IPv6. */
const NAMESPACE = [
  ...['--pdeathsig', 'KILL', 'unshare', '--net', 'sh', '-c'],
  'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6; echo ready; exec sleep infinity',
];

export class FarEnd {
  readonly wire: TapWire;
  /** Runs commands there. */
  readonly host: Host;
  readonly interface: string;
  readonly #owner: ChildProcess;
  readonly #directory: string;

  private constructor(owner: ChildProcess) {
    this.#owner = owner;
    this.#directory = mkdtempSync(join(tmpdir(), 'ixy-judge-'));
    this.interface = tapName('judge');
    this.wire = new TapWire({ name: this.interface });
    ip('link', 'set', this.interface, 'netns', String(owner.pid));
    this.host = new Host(owner.pid, this.#directory);
  }

  /** `address`: the interface's, with its prefix length. `mtu`: the largest that it takes. */
  static async make(address: string, mtu: number): Promise<FarEnd> {
    const owner = spawn('setpriv', NAMESPACE, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(owner.stdout, 'data');
    const end = new FarEnd(owner);
    await end.host.output(
      `ip link set ${end.interface} mtu ${mtu} txqueuelen ${QUEUE_FRAMES} up && ` +
        `ip address add ${address} dev ${end.interface}`,
    );
    return end;
  }

  /** The kernel's own address on the cable. */
  async mac(): Promise<string> {
    const [link] = JSON.parse(await this.host.output(`ip -json link show ${this.interface}`));
    return link.address;
  }

  async close(): Promise<void> {
    await this.host.close();
    this.wire.close();
    const ended = once(this.#owner, 'close');
    this.#owner.kill('SIGKILL');
    await ended;
    rmSync(this.#directory, { recursive: true });
  }
}
