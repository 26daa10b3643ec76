/** `ixy serve` in a process of its own, and its sockets as ports. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Running } from '../cli/command.ts';
import { temporaryDirectory } from '../support/process.ts';

/** What the server tells of a port at its end. */
interface ServedPortSummary {
  readonly clients: number;
  readonly violations: number;
  readonly interrupts: number;
}

export class Server {
  readonly sockets: readonly string[];
  readonly uris: readonly string[];
  readonly #command: Running;

  private constructor(nics: readonly string[]) {
    const directory = temporaryDirectory();
    this.sockets = nics.map((_, i) => join(directory, `${i}.sock`));
    this.uris = this.sockets.map((path) => `vfio-user:${path}`);
    this.#command = new Running(['serve', ...nics, ...this.sockets.flatMap((path) => ['-s', path]), '--json']);
    onTestFinished(() => void this.#command.process.kill('SIGKILL'));
  }

  static async start(...nics: readonly string[]): Promise<Server> {
    const server = new Server(nics);
    await server.#command.printed();
    return server;
  }

  /** Open sockets, memory and eventfds: what clients leave. (The event loop's own descriptors come and go.) */
  get descriptors(): number {
    const directory = `/proc/${this.#command.process.pid}/fd`;
    const targets = readdirSync(directory).map((name) => linkTarget(join(directory, name)));
    return targets.filter((target) => /socket:|memfd:|eventfd/.test(target)).length;
  }

  /** As the kernel does it. Returns once nothing of it is left. */
  async kill(): Promise<void> {
    this.#command.process.kill('SIGKILL');
    await this.#command.ended;
  }

  /** Ends it in order. */
  async end(): Promise<readonly ServedPortSummary[]> {
    this.#command.process.kill('SIGINT');
    const { lines } = await this.#command.ended;
    return lines.map((line) => JSON.parse(line)).find(({ type }) => type === 'summary').ports;
  }
}

/** Empty for a descriptor that has just been closed. */
function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
