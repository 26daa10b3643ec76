/** Lines of text, both ways, over a socket to QEMU. */
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';

export class LineChannel {
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
    // It breaks when QEMU ends, which is noticed by that itself.
    socket.on('error', () => {});
  }

  send(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  onLine(listener: (line: string) => void): void {
    const lines = createInterface({ input: this.#socket });
    lines.on('error', () => {});
    lines.on('line', listener);
  }
}
