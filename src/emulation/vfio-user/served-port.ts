/** A device at a socket file: waits for a client, serves it, and waits for the next. */
import { errorMessage } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { listenAt, stopListening } from '../../pci/vfio-user/socket-file.ts';
import { Connection } from './connection.ts';
import type { ServedDevice } from './served-device.ts';

/** Refused requests of one client that are told of; a broken one could have its server say nothing else. */
const MAXIMUM_WARNINGS = 20;

interface PortSurroundings {
  /** Told of clients that come, go, and ask for what cannot be. */
  readonly log: (message: string) => void;
  /** Has the server wake up when a descriptor becomes readable, until that is closed. */
  readonly watch: (descriptor: number) => void;
  /** Lets the devices' time go on until now. */
  readonly passTime: () => void;
}

export class ServedPort {
  readonly path: string;
  readonly device: ServedDevice;
  /** Clients so far. */
  clients = 0;
  readonly #listener: number;
  readonly #log: (message: string) => void;
  readonly #watch: (descriptor: number) => void;
  readonly #passTime: () => void;
  #connection: Connection | undefined;

  /** Throws what `listenAt` throws. */
  constructor(path: string, device: ServedDevice, { log, watch, passTime }: PortSurroundings) {
    this.path = path;
    this.device = device;
    this.#log = (message) => log(`${path}: ${message}`);
    this.#watch = watch;
    this.#passTime = passTime;
    this.#listener = listenAt(path);
    watch(this.#listener);
  }

  /** Whether a client has the device. */
  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** Handles what clients want; returns the number of messages. */
  poll(): number {
    const connection = this.#connection;
    const handled = connection?.poll() ?? 0;
    if (connection?.ended !== undefined) this.#disconnect(connection.ended);
    return handled;
  }

  /** Lets time pass for the device, in nanoseconds. */
  advance(nanoseconds: number): void {
    this.#guarded(() => this.device.advance(nanoseconds));
  }

  /** Lets the device work; returns the number of frames that moved. */
  step(): number {
    return this.#guarded(() => this.device.step()) ?? 0;
  }

  /** Takes a client that has come. One that comes while another is there is sent away. */
  accept(): void {
    const socket = addon().accept(this.#listener);
    if (socket < 0) return;
    // The last one may have gone just now.
    this.poll();
    if (this.#connection) {
      addon().close(socket);
      this.#log('a second client was sent away');
      return;
    }
    this.clients++;
    this.#watch(socket);
    this.#connection = new Connection(socket, this.device, { warn: this.#warner(), passTime: this.#passTime });
    this.#log('a client has come');
  }

  /** Ends the client's connection, if there is one, and the socket file. */
  close(): void {
    this.#disconnect('the server ends');
    stopListening(this.path, this.#listener);
  }

  /** A device that fails is nobody else's concern. */
  #guarded<Result>(action: () => Result): Result | undefined {
    try {
      return action();
    } catch (error) {
      this.#disconnect(`the device failed: ${errorMessage(error)}`);
      return undefined;
    }
  }

  #disconnect(reason: string): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    connection.close();
    this.#log(`the connection has ended: ${reason}`);
  }

  #warner(): (message: string) => void {
    let warnings = 0;
    return (message) => {
      warnings++;
      if (warnings <= MAXIMUM_WARNINGS) this.#log(message);
      if (warnings === MAXIMUM_WARNINGS) this.#log('further refusals are not told of');
    };
  }
}
