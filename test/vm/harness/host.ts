/**
 * The far end of a guest's cables: TAP interfaces in a network namespace that QEMU was started in, and that is gone with
 * it. Nothing else is in there, and the kernel sends nothing by itself: every frame comes from the guest or from a test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from '../../../src/errors.ts';
import { type Nic, tapName } from './nics.ts';
import { PROJECT } from './setup.ts';
import { Shell } from './shell.ts';

/** Frames that an interface holds for a guest that does not keep up, before it drops. */
const QUEUE_FRAMES = 10_000;

/**
 * Commands run as whoever runs the tests, with the machine's own files; in the namespace, which takes root, if there is one.
 * There, /sys shows the machine's own interfaces.
 */
export class Host extends Shell {
  readonly #enter: readonly string[];
  readonly #share: string;
  readonly #processes = new Map<string, ChildProcess>();

  /**
   * `owner`: a process in the namespace, if there is one. `share`: a directory for files, which the guest sees as /run/ixy.
   */
  constructor(owner: number | undefined, share: string) {
    super({ directory: share, seenAt: share, prefix: 'host-' });
    this.#share = share;
    this.#enter = owner === undefined ? [] : ['nsenter', `--net=/proc/${owner}/ns/net`];
  }

  /** Once QEMU has made the interfaces. */
  async bringUp(nics: readonly Nic[]): Promise<void> {
    const taps = nics.filter((nic) => nic.tap).map(tapName);
    if (taps.length === 0) return;
    await this.output(taps.map((tap) => `ip link set ${tap} up txqueuelen ${QUEUE_FRAMES}`).join(' && '));
  }

  /** A path that is written here and read in the guest, or the other way round. */
  file(name: string): { readonly here: string; readonly inGuest: string } {
    return { here: join(this.#share, name), inGuest: `/run/ixy/${name}` };
  }

  /** Kills what still runs. */
  async close(): Promise<void> {
    const ends = [...this.#processes.values()].map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const id of this.#processes.keys()) this.signal(id, 'KILL');
    await Promise.all(ends);
    this.lose(new Error('the guest was closed'));
  }

  protected override launch(id: string): void {
    const files = join(this.#share, id);
    const [out, err] = [openSync(`${files}.out`, 'a'), openSync(`${files}.err`, 'a')];
    const command = ['--pdeathsig', 'KILL', ...this.#enter, 'sh', `${files}.sh`];
    // In a process group of its own, for signals to the command and its children.
    const child = spawn('setpriv', command, { cwd: PROJECT, detached: true, stdio: ['ignore', out, err] });
    closeSync(out);
    closeSync(err);
    this.#processes.set(id, child);
    child.once('close', (status, signal) => {
      this.#processes.delete(id);
      this.ended(id, status ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  }

  protected override signal(id: string, name: string): void {
    const pid = this.#processes.get(id)?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, `SIG${name}`);
    } catch (error) {
      if (systemErrorCode(error) !== 'ESRCH') throw error; // it has ended this moment
    }
  }
}
