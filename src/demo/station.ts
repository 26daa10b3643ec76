/** A station as the demo's process sees it: a child process in a network namespace that exists as long as the child does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { closeOnExit } from '../drivers/lifecycle.ts';
import { IxyError } from '../errors.ts';
import type { Answer, Request, Tasks } from './station-tasks.ts';

const PROGRAM = fileURLToPath(new URL('station-main.js', import.meta.url));

export class Station {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #forget = closeOnExit(this);
  #words = '';
  #closed = false;

  /** Starts a process in a network namespace of its own. Throws `ERR_SYSTEM` if there can be none. */
  static async start(name: string): Promise<Station> {
    const station = new Station(name);
    try {
      await station.#answer();
      return station;
    } catch (error) {
      station.close();
      throw error;
    }
  }

  /** The child leads a process group, to which its own children belong, and which a terminal's Ctrl-C does not reach. */
  private constructor(name: string) {
    this.name = name;
    this.#child = spawn('unshare', ['--net', '--', process.execPath, PROGRAM], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-1000);
    });
  }

  /** What `ip link set … netns` takes. */
  get processId(): number {
    return this.#child.pid ?? 0;
  }

  /** Throws what went wrong there, also if the station is gone, or is closed meanwhile. */
  async request<Task extends keyof Tasks>(
    task: Task,
    ...parameters: Parameters<Tasks[Task]>
  ): Promise<Awaited<ReturnType<Tasks[Task]>>> {
    const answer = this.#answer();
    const request: Request = { task, parameters };
    this.#child.send(request);
    return (await answer) as Awaited<ReturnType<Tasks[Task]>>;
  }

  /** Kills the process and its children; with it goes the namespace, and what is in there. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // ESRCH: ended by itself
    }
  }

  async #answer(): Promise<unknown> {
    const answered = new AbortController();
    const { signal } = answered;
    try {
      const [answer] = (await Promise.race([
        once(this.#child, 'message', { signal }), // rejects on 'error'
        once(this.#child, 'close', { signal }).then(() => Promise.reject(this.#end())),
      ])) as [Answer];
      if ('error' in answer) throw new IxyError('ERR_SYSTEM', `${this.name} station: ${answer.error}`);
      return answer.result;
    } finally {
      answered.abort();
    }
  }

  #end(): IxyError {
    const { exitCode, signalCode } = this.#child;
    const how = signalCode ? `by ${signalCode}` : `with ${exitCode}`;
    return new IxyError('ERR_SYSTEM', `the ${this.name} station ended ${how}: ${this.#words.trim() || 'no message'}`);
  }
}
