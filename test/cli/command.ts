/** The `ixy` command, as people run it: a process of its own, of the compiled files. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';

export const main = resolve('dist/cli/main.js');
if (!existsSync(main)) throw new Error(`${main} is missing; run: npm run build`);

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of standard output, and of standard error. */
  readonly lines: readonly string[];
  readonly errors: readonly string[];
}

export class Running {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], environment: Record<string, string> = {}) {
    const env = { ...process.env, ...environment };
    this.process = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = once(this.process, 'close').then(([status]) => ({
      status,
      stdout: this.#stdout,
      stderr: this.#stderr,
      lines: linesOf(this.#stdout),
      errors: linesOf(this.#stderr),
    }));
  }

  /** Resolves once the process has printed something to standard output. */
  async printed(): Promise<void> {
    if (this.#stdout === '') await once(this.process.stdout, 'data');
  }
}

export function ixy(...args: string[]): Promise<Ended> {
  return new Running(args).ended;
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** A NIC whose far end sends, and one that sends everything back; both run by the command's own loop. */
export const generator = (parameters = '') => `emulated:ixgbe?wire=generator&thread=0${parameters}`;
export const loopback = 'emulated:ixgbe?wire=loopback&thread=0';
