/** The QEMU process: it lives exactly as long as somebody here wants it to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { LineChannel } from './line-channel.ts';
import { AGENT_DESCRIPTOR, consoleLog, hasTaps, type Machine, MONITOR_DESCRIPTOR, qemuArguments } from './machine.ts';
import { QEMU } from './setup.ts';

/** Lines of the guest's console that an error shows: enough for a panic with its call traces. */
const CONSOLE_LINES = 120;

/** Words that run a program in a network namespace in which the kernel announces nothing over IPv6. */
const NO_IPV6 = 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6';
const OWN_NETWORK = ['unshare', '--net', 'sh', '-c', `test ! -e /proc/sys/net/ipv6 || ${NO_IPV6}; exec "$@"`, 'sh'];

export class Qemu {
  readonly agent: LineChannel;
  readonly monitor: LineChannel;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;
  readonly #share: string;
  #errors = '';

  constructor(machine: Machine, share: string) {
    this.#share = share;
    // The kernel kills QEMU when this process dies, in whatever way; no handler could promise that.
    const namespace = hasTaps(machine) ? OWN_NETWORK : [];
    const command = ['--pdeathsig', 'KILL', ...namespace, QEMU, ...qemuArguments(machine, share)];
    const terminal = machine.terminal ? 'inherit' : 'ignore';
    this.#process = spawn('setpriv', command, { stdio: [terminal, terminal, 'pipe', 'pipe', 'pipe'] });
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += chunk;
    });
    this.agent = this.#channel(AGENT_DESCRIPTOR);
    this.monitor = this.#channel(MONITOR_DESCRIPTOR);
    this.ended = new Promise((resolve) => this.#process.once('close', () => resolve()));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The guest has nothing to save. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }

  /** What the guest's kernel has printed. */
  console(): string {
    return readFileSync(consoleLog(this.#share), 'utf8');
  }

  /** An error about the machine, with QEMU's own messages and the end of the console. */
  failure(what: string): Error {
    const end = this.console().trimEnd().split('\n').slice(-CONSOLE_LINES).join('\n');
    return new Error(`${what}\n--- QEMU\n${this.#errors.trimEnd()}\n--- console\n${end}`);
  }

  #channel(descriptor: number): LineChannel {
    // Node makes pipes beyond the standard three from socket pairs, which carry both ways.
    return new LineChannel(this.#process.stdio[descriptor] as Duplex);
  }
}
