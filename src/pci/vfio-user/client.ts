/** The driver's side of a vfio-user connection: requests, each answered before the call returns. */
import { errorMessage, IxyError, type IxyErrorCode, systemErrorCode } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { closeDescriptors, setNonBlocking } from './descriptors.ts';
import { END, type Message } from './message-reader.ts';
import { MessageSocket } from './message-socket.ts';
import { dmaAccess, NOTHING } from './payloads.ts';
import {
  COMMAND,
  commandName,
  FLAG_ERROR,
  FLAG_NO_REPLY,
  FLAG_TYPE,
  MAXIMUM_TRANSFER,
  TYPE_REPLY,
} from './protocol.ts';
import { decodeVersion, encodeVersion, MAJOR, MINOR, type Version } from './version.ts';

/** Memory that the device reaches by messages; a range that is not there is refused. */
export interface OfferedMemory {
  /** The bytes themselves; undefined if there are none. */
  range(address: number, length: number): Uint8Array | undefined;
}

interface ClientOptions {
  /** Memory that was mapped without a descriptor. Default: none. */
  readonly memory?: OfferedMemory;
  /** Ask for doorbells in shared memory (see version.ts). Default false. */
  readonly doorbells?: boolean;
  /** Returns after a while, or when a message may have come. Default: sleeps until one has. */
  readonly wait?: () => void;
}

/** What the server's own process may take for one answer. */
const TIMEOUT_MILLISECONDS = 5000;
const MAXIMUM_DESCRIPTORS = 8;
const EINVAL = 22;
const CLOSED = 'the server has closed the connection';
const TURNED_AWAY = 'the server has closed the connection at once; has it another client?';

/** Makes something of a reply. */
type Decode<Result> = (payload: Uint8Array, descriptors: readonly number[]) => Result;

export class VfioUserClient {
  /** What the server has said of itself. */
  readonly version: Version;
  readonly #name: string;
  readonly #socket: MessageSocket;
  readonly #memory: OfferedMemory | undefined;
  readonly #wait: () => void;
  /** A reply that came while the server was answered. */
  #early: Message | undefined;
  /** Why there is no use in the connection any more. */
  #loss: IxyError | undefined;
  #epoll = -1;
  #closed = false;

  /**
   * Connects to the server at a socket file. Throws what the constructor throws, `ERR_DEVICE_NOT_FOUND` if nobody listens
   * there, `ERR_PERMISSION`, and `ERR_ARGUMENT` for a path that cannot be.
   */
  static open(path: string, options: ClientOptions = {}): VfioUserClient {
    let descriptor: number;
    try {
      descriptor = addon().connect(path);
    } catch (cause) {
      throw new IxyError(connectFailure(cause), `${path}: no device is served there: ${errorMessage(cause)}`, {
        cause,
      });
    }
    setNonBlocking(descriptor);
    return new VfioUserClient(path, descriptor, options);
  }

  /**
   * Greets the server. `name` begins messages; `descriptor`: a connected socket, non-blocking, closed with this. Throws
   * `ERR_DEVICE_BUSY` if the server turns it away, as it does while it has another client, and `ERR_TIMEOUT` or
   * `ERR_BAD_PACKET` for what is no server.
   */
  constructor(name: string, descriptor: number, options: ClientOptions = {}) {
    this.#name = name;
    this.#socket = new MessageSocket(descriptor, MAXIMUM_DESCRIPTORS);
    this.#memory = options.memory;
    this.#wait = options.wait ?? (() => this.#sleep());
    try {
      const limits = { maximumDescriptors: MAXIMUM_DESCRIPTORS, maximumTransfer: MAXIMUM_TRANSFER };
      const greeting = encodeVersion({ major: MAJOR, minor: MINOR, doorbells: options.doorbells ?? false, ...limits });
      this.version = this.#exchange(COMMAND.VERSION, greeting, [], decodeVersion);
    } catch (error) {
      this.close();
      throw this.#greetingFailure(error);
    }
  }

  /** Becomes readable when the server says something by itself, or has gone: `serve` then sees to it. */
  get descriptor(): number {
    return this.#socket.descriptor;
  }

  /** What every call throws from now on, as the connection is lost; undefined while it is not. */
  get loss(): IxyError | undefined {
    return this.#loss;
  }

  /**
   * The payload of the reply, valid until the next call. `descriptors` stay the caller's. Throws `ERR_SYSTEM` if the server
   * refuses, `ERR_CLOSED`, and `ERR_DEVICE_GONE` if the connection is lost: also by a server that does not answer, or whose
   * answers break the protocol.
   */
  call(command: number, payload: Uint8Array, descriptors: readonly number[] = []): Uint8Array {
    return this.ask(command, payload, (reply) => reply, descriptors);
  }

  /**
   * The same, with what `decode` makes of the reply's payload and descriptors, which are closed afterwards. What it throws ends
   * the connection: the server does not keep to the protocol.
   */
  ask<Result>(
    command: number,
    payload: Uint8Array,
    decode: Decode<Result>,
    descriptors: readonly number[] = [],
  ): Result {
    return this.#connected(() => this.#exchange(command, payload, descriptors, decode));
  }

  /**
   * Answers what the server asks for, without waiting for anything. May be called while a call waits. Throws as `call` if the
   * connection is lost.
   */
  serve(): void {
    if (this.#closed) return;
    this.#connected(() => {
      for (let message = this.#receive(); message; message = this.#receive()) {
        if (!isReply(message)) {
          this.#answer(message);
          continue;
        }
        // One call waits at most: of two replies, one is to nothing.
        if (this.#early) closeDescriptors(this.#early.descriptors);
        this.#early = { ...message, payload: message.payload.slice() };
      }
    });
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#early) closeDescriptors(this.#early.descriptors);
    this.#socket.close();
    if (this.#epoll >= 0) addon().close(this.#epoll);
  }

  #exchange<Result>(
    command: number,
    payload: Uint8Array,
    descriptors: readonly number[],
    decode: Decode<Result>,
  ): Result {
    const id = this.#socket.request(command, payload, descriptors);
    const deadline = performance.now() + TIMEOUT_MILLISECONDS;
    for (;;) {
      const message = this.#early ?? this.#receive();
      this.#early = undefined;
      if (message?.id === id && isReply(message)) return this.#accepted(message, decode);
      // Also a server that never stops talking has not answered.
      if (performance.now() > deadline) {
        closeDescriptors(message?.descriptors ?? []);
        throw unanswered(command);
      }
      if (message === undefined) this.#wait();
      else if (isReply(message)) closeDescriptors(message.descriptors);
      else this.#answer(message);
    }
  }

  #receive(): Message | undefined {
    this.#socket.flush();
    const message = this.#socket.receive();
    if (message === END) throw new Error(CLOSED);
    return message;
  }

  #accepted<Result>({ command, flags, error, payload, descriptors }: Message, decode: Decode<Result>): Result {
    try {
      if ((flags & FLAG_ERROR) === 0) return decode(payload, descriptors);
      throw this.#error('ERR_SYSTEM', `the server refuses ${commandName(command)} (errno ${error})`);
    } finally {
      closeDescriptors(descriptors);
    }
  }

  /** The server wants to read or write memory. */
  #answer(message: Message): void {
    const { command, flags, payload, descriptors } = message;
    closeDescriptors(descriptors);
    if ((flags & FLAG_NO_REPLY) !== 0) return;
    if (command !== COMMAND.DMA_READ && command !== COMMAND.DMA_WRITE) {
      this.#socket.refuse(message, EINVAL);
      return;
    }
    const { address, count } = dmaAccess.decode(payload);
    const bytes = this.#memory?.range(address, count);
    if (!bytes) this.#socket.refuse(message, EINVAL);
    else if (command === COMMAND.DMA_READ) this.#socket.reply(message, dmaAccess.encode({ address, count }, bytes));
    else {
      bytes.set(dmaAccess.data(payload, count));
      this.#socket.reply(message, dmaAccess.encode({ address, count }, NOTHING));
    }
  }

  /** Runs what fails where the other process is gone. Whatever ends the connection, ends it for good. */
  #connected<Result>(action: () => Result): Result {
    if (this.#closed) throw this.#error('ERR_CLOSED', 'the connection is closed');
    if (this.#loss) throw this.#loss;
    try {
      return action();
    } catch (cause) {
      if (cause instanceof IxyError && cause.code === 'ERR_SYSTEM') throw cause;
      this.#loss = this.#error('ERR_DEVICE_GONE', `the connection is lost: ${reasonOf(cause)}`, cause);
      throw this.#loss;
    }
  }

  #greetingFailure(cause: unknown): IxyError {
    if (!(cause instanceof IxyError)) return this.#error('ERR_DEVICE_BUSY', TURNED_AWAY, cause);
    if (cause.code === 'ERR_SYSTEM') return cause;
    return this.#error(cause.code, `what listens there does not speak vfio-user: ${cause.message}`, cause);
  }

  #sleep(): void {
    const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT } = addon().constants;
    const operation = this.#epoll < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (this.#epoll < 0) this.#epoll = addon().epollCreate();
    const events = this.#socket.congested ? EPOLLIN | EPOLLOUT : EPOLLIN;
    addon().epollControl(this.#epoll, operation, this.#socket.descriptor, events);
    addon().epollWait(this.#epoll, READY, TIMEOUT_MILLISECONDS);
  }

  #error(code: IxyErrorCode, what: string, cause?: unknown): IxyError {
    return new IxyError(code, `${this.#name}: ${what}`, { cause });
  }
}

function unanswered(command: number): IxyError {
  return new IxyError('ERR_TIMEOUT', `no answer to ${commandName(command)} for ${TIMEOUT_MILLISECONDS} ms`);
}

/** Whoever sends to a socket that is closed is told so in other words than who reads from it. */
function reasonOf(cause: unknown): string {
  return ['EPIPE', 'ECONNRESET'].includes(systemErrorCode(cause) ?? '') ? CLOSED : errorMessage(cause);
}

function isReply({ flags }: Message): boolean {
  return (flags & FLAG_TYPE) === TYPE_REPLY;
}

function connectFailure(cause: unknown): IxyErrorCode {
  if (cause instanceof RangeError) return 'ERR_ARGUMENT';
  return systemErrorCode(cause) === 'EACCES' ? 'ERR_PERMISSION' : 'ERR_DEVICE_NOT_FOUND';
}

const READY = new Int32Array(2);
