/**
 * The control queue (virtio 1.2, section 5.1.6.5): one command at a time, each waited for, and its acknowledgement checked.
 */
import { CONTROL, CONTROL_OK, type ControlName } from '../../../datasheet/virtio/net.ts';
import { packedLayout } from '../../../datasheet/virtio/packed-ring.ts';
import { splitLayout } from '../../../datasheet/virtio/split-ring.ts';
import { IxyError } from '../../../errors.ts';
import type { DmaBlock } from '../../../memory/dma-heap.ts';
import type { Logger } from '../../logger.ts';
import type { RingKind } from '../queue-init.ts';
import type { QueueAddresses, VirtioTransport } from '../transport.ts';
import { type BufferPart, type ControlRing, createControlRing } from './ring.ts';

const TIMEOUT_MILLISECONDS = 1000;
const LOOK_MILLISECONDS = 0.02;
/** What no device acknowledges with. */
const UNANSWERED = 0xff;

/** Bytes of a command's data that there is room for. */
export const CONTROL_DATA_BYTES = 3072;

// Where a command lies in its memory; what the device writes, apart from what it reads.
const COMMAND_BYTES = 2;
const DATA = 8;
const ACKNOWLEDGEMENT = DATA + CONTROL_DATA_BYTES;
/** Bytes of memory for commands. */
export const CONTROL_BUFFER_BYTES = ACKNOWLEDGEMENT + 8;

interface ControlQueueInit {
  readonly transport: VirtioTransport;
  readonly kind: RingKind;
  /** Descriptors, at least QUEUE_MINIMUM: class and command, two tables, the acknowledgement. */
  readonly size: number;
  readonly eventIndex: boolean;
  /** `controlRingBytes` of memory, at a page's begin; and CONTROL_BUFFER_BYTES. */
  readonly ring: DmaBlock;
  readonly buffer: DmaBlock;
}

/** Bytes of memory that a ring takes. */
export function controlRingBytes(kind: RingKind, size: number): number {
  return kind === 'packed' ? packedLayout(size).bytes : splitLayout(size).bytes;
}

export class ControlQueue {
  readonly size: number;
  readonly #transport: VirtioTransport;
  readonly #ring: ControlRing;
  readonly #buffer: Uint8Array;
  readonly #address: number;
  #notify: () => void = () => {};
  /** Why no more commands are sent: the last one is still the device's. */
  #failure: IxyError | undefined;

  constructor({ transport, kind, size, eventIndex, ring, buffer }: ControlQueueInit) {
    const address = transport.dma.addressOf(ring.memory, ring.offset);
    this.size = size;
    this.#transport = transport;
    this.#ring = createControlRing(kind, { memory: ring, address, size, eventIndex });
    this.#buffer = buffer.bytes;
    this.#address = transport.dma.addressOf(buffer.memory, buffer.offset);
  }

  get addresses(): QueueAddresses {
    return this.#ring.addresses;
  }

  /** `notify` rings the doorbell. Commands may be sent once the device is ready (DRIVER_OK). */
  start(notify: () => void): void {
    this.#notify = notify;
  }

  /**
   * Sends a command, with `data` in one descriptor each, and waits for the device, 1 s at most. Throws
   * `ERR_DEVICE_UNSUPPORTED` if it refuses, `ERR_TIMEOUT`, `ERR_DEVICE_FAILED`, `ERR_DEVICE_GONE`.
   */
  send(name: ControlName, ...data: readonly Uint8Array[]): void {
    if (this.#failure) throw this.#failure;
    this.#ring.submit(this.#write(name, data));
    this.#notify();
    this.#wait(name);
    const acknowledgement = this.#buffer[ACKNOWLEDGEMENT];
    if (acknowledgement === CONTROL_OK) return;
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${this.#transport.address}: the device refused the command ${name} (acknowledgement ${acknowledgement}, expected 0)`,
    );
  }

  /** The same for what can be done without: a refusal only gives a warning. */
  offer(logger: Logger, name: ControlName, ...data: readonly Uint8Array[]): void {
    try {
      this.send(name, ...data);
    } catch (error) {
      if (!(error instanceof IxyError) || error.code !== 'ERR_DEVICE_UNSUPPORTED') throw error;
      logger.warn(`${error.message}; going on without`);
    }
  }

  #write(name: ControlName, data: readonly Uint8Array[]): BufferPart[] {
    const buffer = this.#buffer;
    const part = (offset: number, bytes: number, written = false): BufferPart => {
      return { address: this.#address + offset, bytes, written };
    };
    buffer.set(CONTROL[name]);
    buffer[ACKNOWLEDGEMENT] = UNANSWERED;
    let offset = DATA;
    const parts = data.map((bytes) => {
      buffer.set(bytes, offset);
      offset += bytes.length;
      return part(offset - bytes.length, bytes.length);
    });
    return [part(0, COMMAND_BYTES), ...parts, part(ACKNOWLEDGEMENT, 1, true)];
  }

  #wait(name: ControlName): void {
    const { address, clock } = this.#transport;
    const end = clock.now() + TIMEOUT_MILLISECONDS;
    for (;;) {
      // The last look is one after the end, even if this process was kept from looking in time.
      const late = clock.now() >= end;
      const outcome = this.#ring.poll();
      if (outcome === true) return;
      if (outcome !== false) throw this.#fail('ERR_DEVICE_FAILED', `${address}: the device's control queue ${outcome}`);
      if (late) break;
      clock.pause(LOOK_MILLISECONDS);
    }
    this.#transport.readStatus(); // throws if it is gone
    const silence = `the command ${name} is not answered after ${TIMEOUT_MILLISECONDS} ms`;
    throw this.#fail('ERR_TIMEOUT', `${address}: ${silence}; close the device and open it again`);
  }

  #fail(code: 'ERR_DEVICE_FAILED' | 'ERR_TIMEOUT', message: string): IxyError {
    this.#failure = new IxyError(code, message);
    return this.#failure;
  }
}
