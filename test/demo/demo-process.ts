/** The demo as a process, with what it has started and taken of the machine. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from '../support/process.ts';

interface Line {
  readonly type: string;
  readonly stage?: string;
}

/** The kernel needs a moment to end a killed process; it is looked for so often. */
const LOOK_MILLISECONDS = 10;
const LONGEST_MILLISECONDS = 10_000;

export class DemoProcess {
  /** Where its temporary files go. */
  readonly directory = temporaryDirectory();
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #exit: Promise<unknown>;
  readonly #closed: Promise<unknown>;

  /** Compiled by `npm test`. */
  constructor(parameters: readonly string[], options: SpawnOptions = {}) {
    if (options.uid !== undefined) chmodSync(this.directory, 0o777);
    this.child = spawn(process.execPath, ['dist/demo/main.js', ...parameters], {
      stdio: ['ignore', 'pipe', 'inherit'],
      ...options,
      env: { ...process.env, ...options.env, TMPDIR: this.directory },
    });
    this.#exit = once(this.child, 'exit');
    this.#closed = once(this.child, 'close');
    if (this.child.stdout) {
      createInterface(this.child.stdout).on('line', (line) => {
        this.#lines.push(line);
        this.child.emit('line', line);
      });
    }
    onTestFinished(() => {
      this.child.kill('SIGKILL');
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get output(): string {
    return this.#lines.join('\n');
  }

  /** With `--json`: everything said so far. */
  get lines(): Line[] {
    return this.#lines.map((line) => JSON.parse(line) as Line);
  }

  /** With `--json`: waits until the stage has begun. */
  async reached(stage: string): Promise<void> {
    const begun = () => this.lines.some((line) => line.type === 'begin' && line.stage === stage);
    while (!begun()) await Promise.race([once(this.child, 'line'), this.#exit.then(() => failed(this, stage))]);
  }

  /** Waits for its end: the exit status, or the signal that has killed it. */
  async end(): Promise<number | NodeJS.Signals | null> {
    await this.#exit;
    return this.child.exitCode ?? this.child.signalCode;
  }

  /** The same, with everything that it said. */
  async endOfOutput(): Promise<number | NodeJS.Signals | null> {
    await this.#closed;
    return this.end();
  }
}

function failed(demo: DemoProcess, stage: string): never {
  throw new Error(`the demo ended before its stage ${stage}:\n${demo.output}`);
}

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

/** All processes but those that are dead and wait for their parent to hear of it. */
function processes(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, pid, command, state, parent] =
          /^(\d+) \((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
        return state === 'Z' || state === 'X' ? [] : [{ pid: Number(pid), parent: Number(parent), name: command }];
      } catch {
        return []; // ended meanwhile
      }
    });
}

/** Children, their children, and so on. */
export function descendants(of: number): ProcessEntry[] {
  const all = processes();
  const below = (pid: number): ProcessEntry[] =>
    all.filter(({ parent }) => parent === pid).flatMap((entry) => [entry, ...below(entry.pid)]);
  return below(of);
}

/** Waits until `condition` gives something; throws `what` if it does not in time. */
export async function eventually<Found>(what: string, condition: () => Found | undefined | false): Promise<Found> {
  const deadline = performance.now() + LONGEST_MILLISECONDS;
  for (;;) {
    const found = condition();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`it did not happen: ${what}`);
    await setTimeout(LOOK_MILLISECONDS);
  }
}

/** What of these processes is left, and of the namespaces that they were in. */
export function remainders(entries: readonly ProcessEntry[], namespaces: readonly string[]): ProcessEntry[] {
  const pids = entries.map(({ pid }) => pid);
  return processes().filter(({ pid }) => pids.includes(pid) || namespaces.includes(networkNamespace(pid) ?? ''));
}

/** 'net:[4026532260]'; undefined if there is no such process any more. */
export function networkNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** Interfaces of this namespace, and namespaces that have a name. */
export function networkNames(): string[] {
  const named = (() => {
    try {
      return readdirSync('/run/netns');
    } catch {
      return []; // nobody has ever named one
    }
  })();
  return [...readdirSync('/sys/class/net'), ...named];
}

/** Bytes of huge pages that a process has mapped, as the kernel puts it. */
export function hugePages(pid: number): string | undefined {
  return /^HugetlbPages:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
}
