/** The driver's side of a vfio-user connection: requests, each answered before the call returns. */
import { errorMessage, IxyError } from '../../errors.ts';
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

export interface ClientOptions {
  /** Memory that was mapped without a descriptor. Default: none. */
  readonly memory?: OfferedMemory;
  /** Returns after a while, or when a message may have come. Default: sleeps until one has. */
  readonly wait?: () => void;
}

/** What the server's own process may take for one answer. */
const TIMEOUT_MILLISECONDS = 5000;
const MAXIMUM_DESCRIPTORS = 8;
const EINVAL = 22;

export class VfioUserClient {
  /** What the server has said of itself. */
  readonly version: Version;
  readonly #name: string;
  readonly #socket: MessageSocket;
  readonly #memory: OfferedMemory | undefined;
  readonly #wait: () => void;
  /** A reply that came while the server was answered. */
  #early: Message | undefined;
  #epoll = -1;
  #closed = false;

  /**
   * Connects to the server at a socket file. Throws what the constructor throws, and `ERR_DEVICE_NOT_FOUND` if nobody
   * listens there.
   */
  static open(path: string, options: ClientOptions = {}): VfioUserClient {
    let descriptor: number;
    try {
      descriptor = addon().connect(path);
    } catch (cause) {
      throw new IxyError('ERR_DEVICE_NOT_FOUND', `${path}: no device is served there: ${errorMessage(cause)}`, {
        cause,
      });
    }
    setNonBlocking(descriptor);
    return new VfioUserClient(path, descriptor, options);
  }

  /**
   * Greets the server. `name` begins messages; `descriptor`: a connected socket, non-blocking, closed with this. Throws
   * `ERR_DEVICE_GONE`, `ERR_TIMEOUT`, `ERR_BAD_PACKET`.
   */
  constructor(name: string, descriptor: number, options: ClientOptions = {}) {
    this.#name = name;
    this.#socket = new MessageSocket(descriptor, MAXIMUM_DESCRIPTORS);
    this.#memory = options.memory;
    this.#wait = options.wait ?? (() => this.#sleep());
    try {
      const own = { major: MAJOR, minor: MINOR, maximumDescriptors: MAXIMUM_DESCRIPTORS };
      const greeting = encodeVersion({ ...own, maximumTransfer: MAXIMUM_TRANSFER });
      this.version = decodeVersion(this.call(COMMAND.VERSION, greeting));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * The payload of the reply, valid until the next call. `descriptors` stay the caller's. Throws `ERR_SYSTEM` if the server
   * refuses, `ERR_DEVICE_GONE` if the connection is lost, `ERR_TIMEOUT`, `ERR_BAD_PACKET`, `ERR_CLOSED`.
   */
  call(command: number, payload: Uint8Array, descriptors: readonly number[] = []): Uint8Array {
    this.#checkOpen();
    const id = this.#connected(() => this.#socket.request(command, payload, descriptors));
    const deadline = performance.now() + TIMEOUT_MILLISECONDS;
    for (;;) {
      const message = this.#early ?? this.#connected(() => this.#receive());
      this.#early = undefined;
      if (message === undefined) {
        if (performance.now() > deadline) throw this.#error('ERR_TIMEOUT', `no answer to ${commandName(command)}`);
        this.#wait();
      } else if ((message.flags & FLAG_TYPE) !== TYPE_REPLY) this.#answer(message);
      else if (message.id === id) return this.#accepted(message);
    }
  }

  /** A request that nobody answers, such as a posted write. Throws `ERR_DEVICE_GONE`, `ERR_CLOSED`. */
  post(command: number, payload: Uint8Array): void {
    this.#checkOpen();
    this.#connected(() => this.#socket.request(command, payload, [], false));
  }

  /** Answers what the server asks for, without waiting for anything. May be called while a call waits. */
  serve(): void {
    if (this.#closed) return;
    for (let message = this.#receive(); message; message = this.#receive()) {
      if ((message.flags & FLAG_TYPE) !== TYPE_REPLY) this.#answer(message);
      else this.#early = { ...message, payload: message.payload.slice() };
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    if (this.#epoll >= 0) addon().close(this.#epoll);
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#error('ERR_CLOSED', 'the connection is closed');
  }

  #receive(): Message | undefined {
    this.#socket.flush();
    const message = this.#socket.receive();
    if (message === END) throw new Error('the server has closed the connection');
    if (message) closeDescriptors(message.descriptors);
    return message;
  }

  #accepted({ command, flags, error, payload }: Message): Uint8Array {
    if ((flags & FLAG_ERROR) === 0) return payload;
    throw this.#error('ERR_SYSTEM', `the server refuses ${commandName(command)} (errno ${error})`);
  }

  /** The server wants to read or write memory. */
  #answer(message: Message): void {
    const { command, flags, payload } = message;
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

  /** Runs what fails where the other process is gone. */
  #connected<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (cause) {
      if (cause instanceof IxyError) throw cause;
      throw this.#error('ERR_DEVICE_GONE', `the connection is lost: ${errorMessage(cause)}`);
    }
  }

  #sleep(): void {
    const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT } = addon().constants;
    const operation = this.#epoll < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (this.#epoll < 0) this.#epoll = addon().epollCreate();
    const events = this.#socket.congested ? EPOLLIN | EPOLLOUT : EPOLLIN;
    addon().epollControl(this.#epoll, operation, this.#socket.descriptor, events);
    addon().epollWait(this.#epoll, READY, TIMEOUT_MILLISECONDS);
  }

  #error(code: 'ERR_CLOSED' | 'ERR_DEVICE_GONE' | 'ERR_SYSTEM' | 'ERR_TIMEOUT', what: string): IxyError {
    return new IxyError(code, `${this.#name}: ${what}`);
  }
}

const READY = new Int32Array(2);
