/** A booted virtual machine and the commands that run in it. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cable } from './cable.ts';
import type { CommandEnd } from './command.ts';
import { Host } from './host.ts';
import { hasTaps, type Machine } from './machine.ts';
import { Monitor } from './monitor.ts';
import { isServed, NIC_MODELS, type Nic, nicAddress } from './nics.ts';
import { Qemu } from './qemu.ts';
import { ServedNics } from './served-nics.ts';
import { PROJECT } from './setup.ts';
import { Shell, type ShellOptions } from './shell.ts';
import { TapCable } from './tap-cable.ts';

export interface CommandOptions extends ShellOptions {
  /** Default: root. 'nobody' has no capabilities either. */
  readonly user?: 'root' | 'nobody';
  /** Bytes that the command may lock in memory (RLIMIT_MEMLOCK). Default: the kernel's, 8 MiB. */
  readonly lockableMemory?: number;
}

/** Milliseconds until the guest must answer; 3 to 6 s are usual. */
const BOOT_TIMEOUT = 120_000;
const NOBODY = 65_534;

export class Guest extends Shell<CommandOptions> {
  /** The machine from outside. */
  readonly monitor: Monitor;
  readonly machine: Machine;
  /** Shell commands on the machine that the tests run on; where NICs have a `tap`, at the far end of their cables. */
  readonly host: Host;
  /** Those of its NICs that this process serves. */
  readonly served: ServedNics;
  readonly #qemu: Qemu;
  readonly #share: string;
  readonly #ready: Promise<void>;
  readonly #cables = new Map<number, Cable>();
  #closed = false;

  private constructor(machine: Machine, share: string) {
    super({ directory: share, seenAt: '/run/ixy', prefix: '' });
    this.machine = machine;
    this.#share = share;
    this.served = new ServedNics(machine.nics, share);
    this.#qemu = new Qemu(machine, share);
    this.host = new Host(hasTaps(machine) ? this.#qemu.pid : undefined, share);
    this.monitor = new Monitor(this.#qemu.monitor);
    let ready = (): void => {};
    this.#ready = new Promise((resolve) => {
      ready = resolve;
    });
    this.#qemu.agent.onLine((line) => {
      const [word, id = '', status] = line.split(' ');
      if (word === 'ready') ready();
      else if (word === 'done') this.ended(id, Number(status));
    });
    this.#qemu.ended.then(() => this.#lost());
  }

  /** Boots the machine; resolves when modules are loaded and commands can run. The caller closes it. */
  static async boot(machine: Machine): Promise<Guest> {
    const share = mkdtempSync(join(tmpdir(), 'ixy-vm-'));
    chmodSync(share, 0o755); // for commands of the guest's other users
    const guest = new Guest(machine, share);
    try {
      await guest.#answers();
      await guest.#prepare();
      return guest;
    } catch (error) {
      await guest.close();
      throw error;
    }
  }

  /** Process id of QEMU. */
  get pid(): number | undefined {
    return this.#qemu.pid;
  }

  /** What the guest's kernel has printed on its console. */
  console(): string {
    return this.#qemu.console();
  }

  /** The far end of a NIC's cable. */
  cable(nic: Nic): Cable {
    const known = this.#cables.get(nic.slot);
    const cable = known ?? (isServed(nic) ? this.served.get(nic).cable : new TapCable(nic, this.host, this.monitor));
    this.#cables.set(nic.slot, cable);
    return cable;
  }

  /** Name of the interface that a kernel driver has made for a NIC: 'eth0'. */
  interfaceOf(nic: Nic): Promise<string> {
    const device = `/sys/bus/pci/devices/${nicAddress(nic)}`;
    return this.output(`basename $(ls -d ${device}/net/* ${device}/virtio*/net/* 2>/dev/null)`);
  }

  /** Bytes of the machine's physical memory, as QEMU sees it: no kernel is asked. */
  async physicalMemory(address: number, size: number): Promise<Buffer> {
    const path = join(this.#share, 'memory');
    await this.monitor.execute('pmemsave', { val: address, size, filename: path });
    return readFileSync(path);
  }

  /** Runs a command on the machine's `terminal`, which controls it, to its end. */
  terminal(command: string, timeout: number): Promise<CommandEnd> {
    const quoted = command.replaceAll("'", `'\\''`);
    return this.run(`exec setsid --ctty --wait sh -c '${quoted}' <>/dev/ttyS2 >&0 2>&0`, { timeout });
  }

  /** Ends QEMU and what runs at the far end, and removes their files. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.host.close();
    await this.#qemu.kill();
    await this.served.close();
    rmSync(this.#share, { recursive: true, force: true });
  }

  protected override launch(id: string, options: CommandOptions = {}): void {
    this.#qemu.agent.send(`run ${id} ${prefix(options)}`);
  }

  protected override signal(id: string, name: string): void {
    this.#qemu.agent.send(`kill ${id} ${name}`);
  }

  async #answers(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#qemu.failure('the guest does not answer')), BOOT_TIMEOUT);
    });
    const ended = this.#qemu.ended.then(() => Promise.reject(this.#qemu.failure('the guest did not come up')));
    ended.catch(() => {});
    try {
      await Promise.race([this.#ready, ended, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #prepare(): Promise<void> {
    const { nics, hugePages = 0 } = this.machine;
    await this.host.bringUp(nics);
    const modules = new Set(nics.map((nic) => NIC_MODELS[nic.model].module));
    if (modules.size > 0) await this.output(`modprobe -a ${[...modules].join(' ')}`);
    if (hugePages > 0) await this.output(`echo ${hugePages} > /proc/sys/vm/nr_hugepages`);
  }

  #lost(): void {
    const error = this.#closed ? new Error('the guest was closed') : this.#qemu.failure('the guest is gone');
    this.lose(error);
    this.monitor.lost(error);
  }
}

/** The program text of an import: `import { Sysfs } from ${built('pci/sysfs.js')};` */
export function built(path: string): string {
  return JSON.stringify(`file://${PROJECT}/dist/${path}`);
}

/** The words that run a command under the options. */
function prefix({ user = 'root', lockableMemory }: CommandOptions): string {
  return [
    ...(lockableMemory === undefined ? [] : [`prlimit --memlock=${lockableMemory}:${lockableMemory}`]),
    ...(user === 'nobody' ? [`setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --inh-caps=-all`] : []),
  ].join(' ');
}
