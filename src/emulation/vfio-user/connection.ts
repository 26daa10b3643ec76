/** A client of a served device: answers its requests, and asks it for memory that came without a descriptor. */
import { errorMessage } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { closeDescriptors } from '../../pci/vfio-user/descriptors.ts';
import { END, type Message } from '../../pci/vfio-user/message-reader.ts';
import { MessageSocket } from '../../pci/vfio-user/message-socket.ts';
import { dmaAccess } from '../../pci/vfio-user/payloads.ts';
import {
  COMMAND,
  commandName,
  FLAG_ERROR,
  FLAG_NO_REPLY,
  FLAG_TYPE,
  HEADER_BYTES,
  malformed,
  TYPE_REPLY,
} from '../../pci/vfio-user/protocol.ts';
import type { MemoryMessages } from './message-memory.ts';
import { Refusal } from './refusal.ts';
import { answer, MAXIMUM_DESCRIPTORS } from './requests.ts';
import type { ServedDevice } from './served-device.ts';

/** Messages handled before the device gets to work again. */
const BURST = 64;
/** Bytes of requests that may wait while the server waits for memory: some 100,000 writes. */
const MAXIMUM_DEFERRED = 1 << 22;
/** How long a client may take to deliver its own memory. QEMU itself waits as long for others. */
const PATIENCE_MILLISECONDS = 5000;

interface ConnectionOptions {
  /** Told of requests that were refused. */
  readonly warn: (message: string) => void;
  /** Called before each message. */
  readonly passTime?: () => void;
  /** Returns after at most so many milliseconds, or when a message may have come. Default: sleeps. */
  readonly wait?: (milliseconds: number) => void;
}

export class Connection implements MemoryMessages {
  readonly #socket: MessageSocket;
  readonly #device: ServedDevice;
  readonly #warn: (message: string) => void;
  readonly #wait: (milliseconds: number) => void;
  readonly #passTime: () => void;
  readonly #epoll = addon().epollCreate();
  #greeted = false;
  #ended: string | undefined;
  /** Requests to the client that are not answered yet, and the payloads of answers. */
  readonly #asked = new Set<number>();
  readonly #answers = new Map<number, Uint8Array>();
  /**
   * What the client wants done with the device, but came while that waited for memory: in the midst of its work it must not
   * be told of new work. Reads are answered all the same, before this is done: a client that waits for a register delivers
   * no memory, so that both would wait for each other.
   */
  readonly #deferred: (() => void)[] = [];
  #deferredBytes = 0;

  /** `socket`: a connected one, closed with this. */
  constructor(socket: number, device: ServedDevice, { warn, wait, passTime = () => {} }: ConnectionOptions) {
    const { EPOLL_CTL_ADD, EPOLLIN } = addon().constants;
    this.#socket = new MessageSocket(socket, MAXIMUM_DESCRIPTORS);
    this.#device = device;
    this.#warn = warn;
    this.#passTime = passTime;
    this.#wait = wait ?? ((milliseconds) => this.#sleep(milliseconds));
    device.messages = this;
    addon().epollControl(this.#epoll, EPOLL_CTL_ADD, socket, EPOLLIN);
  }

  /** Why it is over; undefined while it is not. Who sees it calls `close`. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Handles what has come; returns the number of messages. */
  poll(): number {
    let handled = 0;
    for (; handled < BURST; handled++) {
      this.#passTime();
      if (!this.#handleNext()) break;
    }
    return handled;
  }

  read(address: number, length: number): Uint8Array | undefined {
    const most = this.#device.maximumTransfer;
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += most) {
      const part = this.#fetch(address + at, Math.min(most, length - at));
      if (!part) return undefined;
      bytes.set(part, at);
    }
    return bytes;
  }

  write(address: number, bytes: Uint8Array): void {
    const most = this.#device.maximumTransfer;
    for (let at = 0; at < bytes.length; at += most) {
      const part = bytes.subarray(at, at + most);
      this.#ask(COMMAND.DMA_WRITE, dmaAccess.encode({ address: address + at, count: part.length }, part));
    }
  }

  /** Takes from the device what is the client's, and resets it. Idempotent. */
  close(): void {
    this.#end('closed by the server');
    if (this.#device.messages !== this) return;
    this.#device.release();
    addon().close(this.#epoll);
    this.#socket.close();
  }

  #fetch(address: number, length: number): Uint8Array | undefined {
    const payload = this.#ask(COMMAND.DMA_READ, dmaAccess.encode({ address, count: length }));
    if (!payload) return undefined;
    try {
      const { count } = dmaAccess.decode(payload);
      if (count !== length) throw malformed(`DMA_READ: asked for ${length} bytes, got ${count}`);
      return dmaAccess.data(payload, length);
    } catch (error) {
      this.#end(errorMessage(error));
      return undefined;
    }
  }

  /** Handles a message if one has come; whether it did. */
  #handleNext(): boolean {
    if (this.#ended !== undefined) return false;
    try {
      if (this.#asked.size === 0) this.#settle();
      this.#socket.flush();
      // Who does not read answers gets no more of them.
      if (this.#socket.congested) return false;
      const message = this.#socket.receive();
      if (message === undefined) return false;
      if (message === END) this.#end('the client has closed it');
      else this.#handle(message);
      return message !== END;
    } catch (error) {
      this.#end(errorMessage(error));
      return false;
    }
  }

  #handle(message: Message): void {
    try {
      if ((message.flags & FLAG_TYPE) === TYPE_REPLY) this.#takeReply(message);
      else this.#handleRequest(message);
    } finally {
      closeDescriptors(message.descriptors);
    }
  }

  #handleRequest(message: Message): void {
    const wantsReply = (message.flags & FLAG_NO_REPLY) === 0;
    const greets = message.command === COMMAND.VERSION;
    if (greets === this.#greeted) {
      throw malformed(greets ? 'VERSION came twice' : `${commandName(message.command)} came before VERSION`);
    }
    try {
      const { reply, descriptors, afterwards } = answer(this.#device, message);
      if (message.descriptors.length > 0) {
        throw malformed(`${commandName(message.command)} came with ${message.descriptors.length} descriptors too many`);
      }
      this.#greeted = true;
      if (wantsReply) this.#socket.reply(message, reply, descriptors);
      if (afterwards) this.#defer(afterwards, message);
      if (this.#asked.size === 0) this.#settle();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#warn(`refused: ${error.message}`);
      if (wantsReply) this.#socket.refuse(message, error.errno);
    }
  }

  #defer(action: () => void, { payloadBytes }: Message): void {
    this.#deferredBytes += HEADER_BYTES + payloadBytes;
    if (this.#deferredBytes > MAXIMUM_DEFERRED) throw malformed('the client writes on instead of delivering memory');
    this.#deferred.push(action);
  }

  /** Does what was put off. */
  #settle(): void {
    this.#deferredBytes = 0;
    for (let action = this.#deferred.shift(); action; action = this.#deferred.shift()) action();
    this.#device.interrupts.announce();
  }

  #takeReply(message: Message): void {
    const { id, command, flags, payload, descriptors } = message;
    if (!this.#asked.delete(id)) throw malformed(`${commandName(command)}: a reply to nothing`);
    if (descriptors.length > 0) throw malformed(`${commandName(command)}: a reply with descriptors`);
    // A client that cannot reach its own memory has a device that cannot either.
    if ((flags & FLAG_ERROR) === 0) this.#answers.set(id, payload.slice());
  }

  /**
   * The payload of the client's reply; undefined if there is none. The client may itself be waiting for an answer, or have
   * sent what comes before its reply: requests are handled meanwhile.
   */
  #ask(command: number, payload: Uint8Array): Uint8Array | undefined {
    if (this.#ended !== undefined) return undefined;
    let id = 0;
    try {
      id = this.#socket.request(command, payload);
    } catch (error) {
      this.#end(errorMessage(error));
      return undefined;
    }
    this.#asked.add(id);
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    while (this.#asked.has(id) && this.#ended === undefined) {
      if (this.#handleNext()) continue;
      const left = deadline - performance.now();
      if (left <= 0) this.#end(`the client did not answer ${commandName(command)} for ${PATIENCE_MILLISECONDS} ms`);
      else this.#wait(left);
    }
    this.#asked.delete(id);
    const answer = this.#answers.get(id);
    this.#answers.delete(id);
    return answer;
  }

  /** Until something comes, or there is room for what waits to be sent. */
  #sleep(milliseconds: number): void {
    const { EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT } = addon().constants;
    const events = this.#socket.congested ? EPOLLOUT : EPOLLIN;
    addon().epollControl(this.#epoll, EPOLL_CTL_MOD, this.#socket.descriptor, events);
    addon().epollWait(this.#epoll, READY, Math.ceil(milliseconds));
  }

  #end(reason: string): void {
    this.#ended ??= reason;
  }
}

const READY = new Int32Array(2);
