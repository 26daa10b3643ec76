/** A booted virtual machine and the commands that run in it. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandEnd, GuestCommand } from './guest-command.ts';
import type { Machine } from './machine.ts';
import { Monitor } from './monitor.ts';
import { NIC_MODELS } from './nics.ts';
import { Qemu } from './qemu.ts';
import { PROJECT } from './setup.ts';

export interface CommandOptions {
  /** Default: root. 'nobody' has no capabilities either. */
  readonly user?: 'root' | 'nobody';
  /** Milliseconds until the command is killed. Default: 30 000. */
  readonly timeout?: number;
  /** Bytes that the command may lock in memory (RLIMIT_MEMLOCK). Default: the kernel's, 8 MiB. */
  readonly lockableMemory?: number;
}

/** Milliseconds until the guest must answer; 3 to 6 s are usual. */
const BOOT_TIMEOUT = 120_000;
const NOBODY = 65_534;

export class Guest {
  /** The machine from outside. */
  readonly monitor: Monitor;
  readonly machine: Machine;
  readonly #qemu: Qemu;
  readonly #share: string;
  readonly #commands = new Map<string, GuestCommand>();
  readonly #ready: Promise<void>;
  #nextId = 0;
  #closed = false;

  private constructor(machine: Machine) {
    this.machine = machine;
    this.#share = mkdtempSync(join(tmpdir(), 'ixy-vm-'));
    chmodSync(this.#share, 0o755); // for commands of the guest's other users
    this.#qemu = new Qemu(machine, this.#share);
    this.monitor = new Monitor(this.#qemu.monitor);
    let ready = (): void => {};
    this.#ready = new Promise((resolve) => {
      ready = resolve;
    });
    this.#qemu.agent.onLine((line) => {
      const [word, id = '', status] = line.split(' ');
      if (word === 'ready') ready();
      else if (word === 'done') this.#ended(id, Number(status));
    });
    this.#qemu.ended.then(() => this.#lost());
  }

  /** Boots the machine; resolves when modules are loaded and commands can run. The caller closes it. */
  static async boot(machine: Machine): Promise<Guest> {
    const guest = new Guest(machine);
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

  /** Starts a shell command, in the working tree. Throws once the guest is closed. */
  start(command: string, options: CommandOptions = {}): GuestCommand {
    if (this.#closed) throw new Error('the guest is closed');
    const id = String(this.#nextId++);
    const files = join(this.#share, id);
    for (const [suffix, text] of Object.entries({ sh: command, out: '', err: '' })) {
      writeFileSync(`${files}.${suffix}`, text);
    }
    const started = new GuestCommand(command, files, options.timeout ?? 30_000, (signal) =>
      this.#send(`kill ${id} ${signal}`),
    );
    this.#commands.set(id, started);
    this.#send(`run ${id} ${prefix(options)}`);
    return started;
  }

  /** Runs a shell command to its end. */
  async run(command: string, options: CommandOptions = {}): Promise<CommandEnd> {
    return this.start(command, options).ended;
  }

  /** Standard output of a command, without the last line's end; rejects if it fails. */
  async output(command: string, options: CommandOptions = {}): Promise<string> {
    const { status, stdout, stderr } = await this.run(command, options);
    if (status !== 0) throw new Error(`exit status ${status}: ${command}\n${stdout}${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  /** Starts JavaScript (a module) with Node. Modules of the built package are imported by `built(path)`. */
  startScript(source: string, options: CommandOptions = {}): GuestCommand {
    const name = `script-${this.#nextId}.mjs`;
    writeFileSync(join(this.#share, name), source);
    return this.start(`exec node --enable-source-maps /run/ixy/${name}`, options);
  }

  /** Runs JavaScript with Node and resolves to the JSON that it printed; rejects if it fails. */
  async script(source: string, options: CommandOptions = {}): Promise<unknown> {
    const { status, stdout, stderr } = await this.startScript(source, options).ended;
    if (status !== 0) throw new Error(`exit status ${status}\n${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  /** Bytes of the machine's physical memory, as QEMU sees it: no kernel is asked. */
  async physicalMemory(address: number, size: number): Promise<Buffer> {
    const path = join(this.#share, 'memory');
    await this.monitor.execute('pmemsave', { val: address, size, filename: path });
    return readFileSync(path);
  }

  /** Ends QEMU and removes its files. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#qemu.kill();
    rmSync(this.#share, { recursive: true, force: true });
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
    const modules = new Set(nics.map((nic) => NIC_MODELS[nic.model].module));
    if (modules.size > 0) await this.output(`modprobe -a ${[...modules].join(' ')}`);
    if (hugePages > 0) await this.output(`echo ${hugePages} > /proc/sys/vm/nr_hugepages`);
  }

  #send(line: string): void {
    this.#qemu.agent.send(line);
  }

  #ended(id: string, status: number): void {
    this.#commands.get(id)?.exited(status);
    this.#commands.delete(id);
  }

  #lost(): void {
    const error = this.#closed ? new Error('the guest was closed') : this.#qemu.failure('the guest is gone');
    for (const command of this.#commands.values()) command.lost(error);
    this.#commands.clear();
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
