/** A command that runs in the guest, or at the far end of its cables. */
import { readFileSync, watch } from 'node:fs';

export interface CommandEnd {
  /** Exit status; 128 + N: ended by signal N. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Command {
  /** Rejects when the time is up, or when what it runs in is gone. */
  readonly ended: Promise<CommandEnd>;
  readonly #files: string;
  readonly #signal: (name: string) => void;
  readonly #finish: (error: Error | undefined, status: number) => void;
  #timedOut: string | undefined;

  /**
   * `files`: path of the command's files without their suffix. `signal` sends a signal to it. It is killed after
   * `timeout` milliseconds.
   */
  constructor(command: string, files: string, timeout: number, signal: (name: string) => void) {
    this.#files = files;
    this.#signal = signal;
    let finish = (_error: Error | undefined, _status: number): void => {};
    this.ended = new Promise((resolve, reject) => {
      finish = (error, status) => (error ? reject(error) : resolve({ status, ...this.#output() }));
    });
    // Who awaits it sees the error; a test that has failed before does not await it.
    this.ended.catch(() => {});
    this.#finish = finish;
    const timer = setTimeout(() => {
      this.#timedOut = `the command was killed after ${timeout} ms: ${command}`;
      this.kill('KILL');
    }, timeout);
    this.ended.finally(() => clearTimeout(timer)).catch(() => {});
  }

  /** Sends a signal ('TERM') to the command and its children. */
  kill(signal: string): void {
    this.#signal(signal);
  }

  /** Resolves to standard output as soon as it has `text` in it; rejects if the command ends before. */
  async printed(text: string): Promise<string> {
    const watcher = watch(`${this.#files}.out`);
    try {
      const found = new Promise<string>((resolve) => {
        const look = (): void => {
          const { stdout } = this.#output();
          if (stdout.includes(text)) resolve(stdout);
        };
        watcher.on('change', look);
        look();
      });
      const ended = this.ended.then((end) => {
        if (end.stdout.includes(text)) return end.stdout;
        throw new Error(`ended before it printed '${text}': ${JSON.stringify(end)}`);
      });
      return await Promise.race([found, ended]);
    } finally {
      watcher.close();
    }
  }

  /** Whoever runs it says that it has ended. */
  exited(status: number): void {
    this.#finish(this.#timedOut === undefined ? undefined : this.#describe(this.#timedOut), status);
  }

  /** What it ran in is gone, and the command with it. */
  lost(error: Error): void {
    this.#finish(error, -1);
  }

  #describe(problem: string): Error {
    const { stdout, stderr } = this.#output();
    return new Error(`${problem}\n--- stdout\n${stdout}\n--- stderr\n${stderr}`);
  }

  #output(): Pick<CommandEnd, 'stdout' | 'stderr'> {
    return { stdout: readFileSync(`${this.#files}.out`, 'utf8'), stderr: readFileSync(`${this.#files}.err`, 'utf8') };
  }
}
