/** A thread that emulated devices live on, as the driver's thread sees it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { IxyError, type IxyErrorCode } from '../../errors.ts';
import type { DmaMemory } from '../../memory/dma-memory.ts';
import type { AccessBytes, ModelBar } from '../device-model.ts';
import { type DomainFollower, EmulatedDomain } from '../iommu.ts';
import * as protocol from './protocol.ts';

/** Longer than a device thread is ever away: it may have to start, or to open a file. */
const TIMEOUT_MILLISECONDS = 10_000;
/** Looks at the mailbox before the caller goes to sleep: an answer mostly comes within microseconds. */
const SPINS = 5_000;

/** The program, also where this file itself runs from its source: workers need compiled files. */
function programFile(): string {
  const here = import.meta.url;
  const url = here.endsWith('.ts')
    ? new URL('worker.js', here.replace(/\/src\/(?=emulation\/thread\/[^/]*$)/, '/dist/'))
    : new URL('worker.js', here);
  const path = fileURLToPath(url);
  if (!existsSync(path)) throw new IxyError('ERR_SYSTEM', `${path} is missing; run: npm run build`);
  return path;
}

/** A device on the thread, as its driver's thread knows it. */
export interface OpenedDevice {
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
  readonly #mailbox = new Int32Array(new SharedArrayBuffer(protocol.MAILBOX_BYTES));
  readonly #port: MessagePort;
  readonly #worker: Worker;
  #devices = 0;
  #nextDevice = 0;
  #ended = false;
  #reason = 'it was closed';

  /** Starts the thread. It keeps no process alive, and ends with its last device. */
  constructor(name = 'emulation', domain = EmulatedDomain.shared) {
    this.name = name;
    this.domain = domain;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(programFile(), {
      workerData: { mailbox: this.#mailbox.buffer, port: port2 },
      transferList: [port2],
      execArgv: [], // options meant for the main program, such as -e, would stop it
      name,
    });
    this.#worker.unref();
    this.#worker.on('error', (error) => this.#end(error.message));
    this.#worker.on('exit', () => this.#end(this.#lastWords() ?? this.#reason));
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
      if (answer.kind !== 'opened') throw this.#lost('it gave no account of a new device');
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
    try {
      this.command({ kind: 'close', device });
    } catch {
      this.#stop(); // it does not answer: nothing else can be done for it
    }
    if (--this.#devices <= 0) this.#stop();
  }

  /** Reads from a BAR, or from `CONFIG_SPACE`. Throws `ERR_DEVICE_GONE` if the thread has ended or does not answer. */
  read(device: number, space: number, offset: number, bytes: AccessBytes): number {
    this.#access(protocol.READ, device, space, offset, bytes);
    return this.#mailbox[protocol.VALUE] >>> 0;
  }

  /** Writes likewise, and waits until it is done. */
  write(device: number, space: number, offset: number, bytes: AccessBytes, value: number): void {
    this.#mailbox[protocol.VALUE] = value;
    this.#access(protocol.WRITE, device, space, offset, bytes);
  }

  /** Everything else. Throws what went wrong there. */
  command(command: protocol.Command): protocol.Answer {
    this.#port.postMessage(command);
    this.#mailbox[protocol.OPERATION] = protocol.COMMAND;
    this.#request();
    return receiveMessageOnPort(this.#port)?.message as protocol.Answer;
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

  unmapped(_memory: DmaMemory, address: number): void {
    if (this.#ended) return;
    try {
      this.command({ kind: 'unmap', address });
    } catch {
      this.#stop(); // without its thread no device reaches the memory either
    }
  }

  #access(operation: number, device: number, space: number, offset: number, bytes: AccessBytes): void {
    const mailbox = this.#mailbox;
    mailbox[protocol.OPERATION] = operation;
    mailbox[protocol.DEVICE] = device;
    mailbox[protocol.SPACE] = space;
    mailbox[protocol.OFFSET] = offset;
    mailbox[protocol.BYTES] = bytes;
    this.#request();
  }

  #request(): void {
    const mailbox = this.#mailbox;
    if (this.#ended) throw this.#gone();
    Atomics.store(mailbox, protocol.STATE, protocol.REQUESTED);
    Atomics.add(mailbox, protocol.WAKE, 1);
    Atomics.notify(mailbox, protocol.WAKE);
    const state = this.#answer();
    Atomics.store(mailbox, protocol.STATE, protocol.IDLE);
    if (state === protocol.ANSWERED) return;
    const answer = receiveMessageOnPort(this.#port)?.message as protocol.Answer | undefined;
    if (answer?.kind !== 'error') throw this.#lost(`it did not answer for ${TIMEOUT_MILLISECONDS} ms`);
    if (state !== protocol.REFUSED) throw this.#lost(answer.message);
    throw new IxyError(answer.code as IxyErrorCode, answer.message);
  }

  /** Waits for the answer; the state then. */
  #answer(): number {
    const mailbox = this.#mailbox;
    for (let spin = 0; spin < SPINS; spin++) {
      const state = Atomics.load(mailbox, protocol.STATE);
      if (state !== protocol.REQUESTED) return state;
    }
    const deadline = performance.now() + TIMEOUT_MILLISECONDS;
    for (;;) {
      const state = Atomics.load(mailbox, protocol.STATE);
      const left = deadline - performance.now();
      if (state !== protocol.REQUESTED || left <= 0 || Atomics.load(mailbox, protocol.ENDED) !== 0) return state;
      Atomics.wait(mailbox, protocol.STATE, protocol.REQUESTED, Math.min(left, 100));
    }
  }

  #lost(reason: string): IxyError {
    this.#reason = reason;
    this.#stop();
    return this.#gone();
  }

  #gone(): IxyError {
    return new IxyError('ERR_DEVICE_GONE', `the thread '${this.name}' of emulated devices has ended: ${this.#reason}`);
  }

  /** What the thread's loop failed of, if it did and nobody has asked since. */
  #lastWords(): string | undefined {
    if (this.#ended) return undefined;
    const answer = receiveMessageOnPort(this.#port)?.message as protocol.Answer | undefined;
    return answer?.kind === 'error' ? answer.message : undefined;
  }

  #stop(): void {
    this.#end(this.#reason);
    void this.#worker.terminate();
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason = reason;
    this.domain.unfollow(this);
    this.#port.close();
  }
}
