/** QEMU's monitor (QMP): the machine from outside, such as its physical memory, cables and plugs. */
import type { LineChannel } from './line-channel.ts';

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly id?: number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Monitor {
  readonly #channel: LineChannel;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;

  constructor(channel: LineChannel) {
    this.#channel = channel;
    channel.onLine((line) => this.#answer(JSON.parse(line)));
    // QEMU accepts no other command before this one; it works through them in order.
    this.execute('qmp_capabilities').catch(() => {});
  }

  /** Runs a command of the QEMU Machine Protocol and resolves to what it returns. */
  execute(command: string, parameters: Record<string, unknown> = {}): Promise<unknown> {
    const id = this.#nextId++;
    this.#channel.send(JSON.stringify({ execute: command, arguments: parameters, id }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** QEMU is gone: nothing will be answered any more. */
  lost(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #answer(reply: Reply): void {
    const waiting = reply.id === undefined ? undefined : this.#waiting.get(reply.id);
    if (reply.id === undefined || !waiting) return; // the greeting, or an event
    this.#waiting.delete(reply.id);
    if (reply.error) waiting.reject(new Error(reply.error.desc));
    else waiting.resolve(reply.return);
  }
}
