/** A thread that emulated devices live on, as the driver's thread sees it. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { errorMessage, IxyError } from '../../errors.ts';
import type { DmaMemory } from '../../memory/dma-memory.ts';
import { programFile } from '../../program-file.ts';
import type { AccessBytes, ModelBar } from '../device-model.ts';
import { type DomainFollower, EmulatedDomain } from '../iommu.ts';
import type { HostChannel } from './host-loop.ts';
import { Mailbox } from './mailbox.ts';
import * as protocol from './protocol.ts';

/** A device on the thread, as its driver's thread knows it. */
interface OpenedDevice {
  readonly device: number;
  readonly bars: ReadonlyMap<number, ModelBar>;
}

/** The thread that `ThreadedPciDevice`s share by name. It begins with its first device and ends with its last. */
export class EmulationThread implements DomainFollower {
  static readonly #named = new Map<string, EmulationThread>();

  /** The running thread of this name, or a new one. Devices that are linked by a cable must share a thread. */
  static named(name = 'emulation'): EmulationThread {
    const known = EmulationThread.#named.get(name);
    if (known && !known.#ended) return known;
    const thread = new EmulationThread(name);
    EmulationThread.#named.set(name, thread);
    return thread;
  }

  readonly name: string;
  readonly domain: EmulatedDomain;
  readonly #mailbox: Mailbox;
  readonly #port: MessagePort;
  readonly #worker: Worker;
  #devices = 0;
  #nextDevice = 0;
  #nextMailbox = 0;
  #ended = false;

  /** Starts the thread. It keeps no process alive, and ends with its last device. */
  constructor(name = 'emulation', domain = EmulatedDomain.shared) {
    this.name = name;
    this.domain = domain;
    const { port1, port2 } = new MessageChannel();
    const letters = new SharedArrayBuffer(protocol.MAILBOX_BYTES);
    const bell = new SharedArrayBuffer(protocol.MAILBOX_BYTES);
    this.#mailbox = new Mailbox({ thread: name, letters, bell });
    this.#port = port1;
    this.#worker = new Worker(programFile('worker.js', import.meta.url), {
      workerData: { letters, bell, port: port2 } satisfies HostChannel,
      transferList: [port2],
      execArgv: [], // options meant for the main program, such as -e, would stop it
      name,
    });
    this.#worker.unref();
    this.#worker.on('error', (error) => this.#end(errorMessage(error)));
    this.#worker.on('exit', () => this.#end('it was closed'));
    try {
      domain.follow(this);
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  /** Makes a device. Throws what the model's or the wire's constructor throws. */
  open(spec: protocol.ThreadedDeviceSpec): OpenedDevice {
    const device = this.#nextDevice++;
    try {
      const answer = this.command({ kind: 'open', device, spec });
      if (answer.kind !== 'opened')
        throw new IxyError('ERR_DEVICE_GONE', `${this.name}: the thread gave no account of a new device`);
      this.#devices++;
      return { device, bars: answer.bars };
    } catch (error) {
      if (this.#devices === 0) this.#stop();
      throw error;
    }
  }

  /** Ends a device, and with the last one the thread. Never throws. */
  close(device: number): void {
    if (this.#ended) return;
    this.#unlessEnded({ kind: 'close', device });
    // Without devices it ends by itself, in order: V8 does not like to be stopped while it compiles.
    if (--this.#devices <= 0) this.#end('it was closed');
  }

  /** See `Mailbox.read`. */
  read(device: number, space: number, offset: number, bytes: AccessBytes): number {
    return this.#ask(() => this.#mailbox.read(device, space, offset, bytes));
  }

  /** See `Mailbox.write`. */
  write(device: number, space: number, offset: number, bytes: AccessBytes, value: number): void {
    this.#ask(() => this.#mailbox.write(device, space, offset, bytes, value));
  }

  /** Everything else. Throws what went wrong there. */
  command(command: protocol.Command): protocol.Answer {
    this.#port.postMessage(command);
    this.#ask(() => this.#mailbox.request(protocol.COMMAND));
    return receiveMessageOnPort(this.#port)?.message as protocol.Answer;
  }

  /** A mailbox for another thread, and how it is given back: which never throws, and may come when the thread has ended. */
  addMailbox(): { readonly share: protocol.MailboxShare; readonly remove: () => void } {
    const mailbox = this.#nextMailbox++;
    const letters = new SharedArrayBuffer(protocol.MAILBOX_BYTES);
    this.command({ kind: 'add-mailbox', mailbox, letters });
    const remove = (): void => this.#unlessEnded({ kind: 'remove-mailbox', mailbox });
    return { share: { ...this.#mailbox.share, letters }, remove };
  }

  mapped(memory: DmaMemory, address: number): void {
    const { size, pageSize, descriptor } = memory;
    const buffer = memory.buffer instanceof SharedArrayBuffer ? memory.buffer : undefined;
    if (!buffer && descriptor < 0) {
      throw new IxyError(
        'ERR_DMA_UNMAPPED',
        `${this.name}: devices on another thread need memory in a SharedArrayBuffer or behind a file descriptor`,
      );
    }
    this.command({ kind: 'map', memory: { address, size, pageSize, buffer, descriptor } });
  }

  /** Without its thread no device reaches the memory either. */
  unmapped(_memory: DmaMemory, address: number): void {
    this.#unlessEnded({ kind: 'unmap', address });
  }

  /** For what needs no doing once the thread has ended. */
  #unlessEnded(command: protocol.Command): void {
    if (this.#ended) return;
    try {
      this.command(command);
    } catch {
      this.#stop(); // it does not answer: nothing else can be done
    }
  }

  #ask<T>(request: () => T): T {
    try {
      return request();
    } catch (error) {
      if (error instanceof IxyError && error.code === 'ERR_DEVICE_GONE') this.#stop('it did not answer');
      throw error;
    }
  }

  #stop(reason = 'it was closed'): void {
    this.#end(reason);
    void this.#worker.terminate();
  }

  /** Whatever the thread was about, all who ask it from now on are told that it has ended. */
  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#mailbox.end(reason);
    this.domain.unfollow(this);
    this.#port.close();
  }
}
