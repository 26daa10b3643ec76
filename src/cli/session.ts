/** What all commands that open ports share: signals, a time limit, and closing everything whatever happens. */
import { existsSync } from 'node:fs';
import type { NetDevice } from '../drivers/net-device.ts';
import { allocateHugeMemory } from '../memory/huge-memory.ts';
import { allocateSharedMemory } from '../memory/memfd-memory.ts';
import { type OpenOptions, open, parsePortUri } from '../ports/index.ts';
import { PCI_SCHEME } from '../ports/port-uri.ts';
import { VFIO_USER_SCHEME } from '../ports/vfio-user-port.ts';
import { EXIT_FAILURE } from './report-error.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Session {
  readonly #controller = new AbortController();
  readonly #ports: NetDevice[] = [];
  #loss: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Runs `body` with a session, and then closes its ports, in the reverse order. Rejects with what `body` throws, or with
   * the `ERR_DEVICE_GONE` of a port that was removed.
   */
  static async run(body: (session: Session) => Promise<void>): Promise<void> {
    const session = new Session();
    const stop = (): void => session.#stop();
    for (const signal of SIGNALS) process.on(signal, stop);
    try {
      await body(session);
      if (session.#loss) throw session.#loss;
    } finally {
      clearTimeout(session.#timer);
      session.#close();
      for (const signal of SIGNALS) process.off(signal, stop);
    }
  }

  /** Aborted when the command shall end: by a signal, when its time is up, or when a port was removed or failed. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Opens the ports, in memory that all of them can reach. */
  async open(uris: readonly string[], options: OpenOptions = {}): Promise<NetDevice[]> {
    const memory = commonMemory(uris.map((uri) => parsePortUri(uri).scheme));
    const first = this.#ports.length;
    for (const uri of uris) {
      const port = await open(uri, { ...memory, ...options });
      this.#ports.push(port);
      const end = (error: Error): void => {
        this.#loss = error;
        this.#controller.abort();
      };
      port.once('removed', end).once('failed', end);
    }
    return this.#ports.slice(first);
  }

  /** Waits until all links are up, or the session shall end. Throws `ERR_TIMEOUT`. */
  async linksUp(): Promise<void> {
    if (this.signal.aborted) return;
    const aborted = new Promise((done) => this.signal.addEventListener('abort', done, { once: true }));
    await Promise.race([aborted, Promise.all(this.#ports.map((port) => port.waitForLink()))]);
  }

  /** Ends the session by itself after so many milliseconds from now, if a limit is given. */
  limit(milliseconds: number | undefined): void {
    if (milliseconds !== undefined) this.#timer = setTimeout(() => this.#controller.abort(), milliseconds);
  }

  /** The first time it lets the command end in order; who asks again wants it at once (ports are closed on exit). */
  #stop(): void {
    if (this.signal.aborted) process.exit(EXIT_FAILURE);
    this.#controller.abort();
  }

  #close(): void {
    const port = this.#ports.pop();
    if (!port) return;
    try {
      port.close();
    } finally {
      this.#close();
    }
  }
}

/** Where memory comes from that ports of all these kinds can reach, if that is not up to each of them. */
function commonMemory(schemes: readonly string[]): Pick<OpenOptions, 'allocateMemory'> {
  if (schemes.includes(PCI_SCHEME)) return { allocateMemory: allocateHugeMemory };
  return schemes.includes(VFIO_USER_SCHEME) ? { allocateMemory: allocateSharedMemory } : {};
}

/** Ports that are capture files to be made, because there is none of that name: perhaps not what was meant. */
export function capturesToCreate(uris: readonly string[]): string[] {
  return uris.filter((uri) => {
    const { scheme, target, parameters } = parsePortUri(uri);
    return scheme === 'pcap' && target !== '-' && !parameters.has('mode') && !existsSync(target);
  });
}

/** Whether a port's packets take standard output, so that words must go elsewhere. */
export function writesToStandardOutput(uris: readonly string[]): boolean {
  return uris.some((uri) => {
    const { scheme, target, parameters } = parsePortUri(uri);
    return scheme === 'pcap' && target === '-' && parameters.get('mode') !== 'read';
  });
}
