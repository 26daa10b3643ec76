/**
 * A port without a NIC: a TAP interface or a capture file, read and written by the packet loop itself. It has one queue
 * each way, receives everything (there is no address filter), and its MAC is merely what loops use as a source.
 */
import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { closeOnExit } from '../drivers/lifecycle.ts';
import type {
  DeviceCapabilities,
  DeviceStatistics,
  LinkState,
  NetDevice,
  NetDeviceEvents,
} from '../drivers/net-device.ts';
import { ENDED, flatWireStatistics, wireStatistics } from '../emulation/wires/counters.ts';
import type { Wire } from '../emulation/wires/index.ts';
import { IxyError } from '../errors.ts';
import type { PacketPool } from '../memory/packet-pool.ts';
import { nextMac } from './mac-addresses.ts';
import type { OpenOptions } from './open-options.ts';
import { softPool } from './pools.ts';
import { WireRxQueue, WireTxQueue } from './wire-queues.ts';

/** Mbit/s that a port announces whose wire has no limit of its own. */
const SPEED = 10_000;
const MTU = 9216;
const LINK_POLL_MILLISECONDS = 10;

interface WirePortOptions {
  readonly name: string;
  readonly driver: string;
  readonly description: string;
  /** Closed with the port. */
  readonly wire: Wire;
  /** Where received packets go. */
  readonly pool: PacketPool;
  /** Called when the port is closed, after its wire. */
  readonly onClose: () => void;
}

/**
 * Opens a port over `wire`, with a pool of its own unless the program has given one. Throws `ERR_ARGUMENT`, and closes the
 * wire, if more than one queue is asked for.
 */
export function openWirePort(description: Omit<WirePortOptions, 'pool' | 'onClose'>, options: OpenOptions): WirePort {
  try {
    checkQueues(description.name, options.rxQueues ?? 1, options.txQueues ?? 1);
    const pool = options.pool ?? softPool(description.name, options);
    const onClose = () => {
      if (!options.pool) pool.close();
    };
    return new WirePort({ ...description, pool, onClose });
  } catch (error) {
    description.wire.close();
    throw error;
  }
}

function checkQueues(name: string, ...queues: readonly number[]): void {
  for (const count of queues) {
    if (count === 1) continue;
    const reason = `${name} is no NIC: it has one queue each way, for the thread that opens it alone`;
    throw new IxyError('ERR_ARGUMENT', `${reason}; expected 1 queue, found ${count}`);
  }
}

class WirePort extends EventEmitter<NetDeviceEvents> implements NetDevice {
  readonly name: string;
  readonly driver: string;
  readonly description: string;
  readonly rx: readonly [WireRxQueue];
  readonly tx: readonly [WireTxQueue];
  readonly mtu = MTU;
  readonly capabilities: DeviceCapabilities = {
    maxRxQueues: 1,
    maxTxQueues: 1,
    maxMtu: MTU,
    speeds: [SPEED],
    features: ['multi-buffer'],
  };
  readonly #wire: Wire;
  readonly #onClose: () => void;
  #mac = nextMac();
  #up: boolean;
  #closed = false;
  /** What a file still buffers is written also when the program forgets to close the port. */
  readonly #forget = closeOnExit(this);

  constructor(options: WirePortOptions) {
    super();
    this.name = options.name;
    this.driver = options.driver;
    this.description = options.description;
    this.#wire = options.wire;
    this.#onClose = options.onClose;
    this.#up = options.wire.connected;
    const afterBurst = () => this.#noticeRemoval();
    this.rx = [new WireRxQueue(options.wire, options.pool, afterBurst)];
    this.tx = [new WireTxQueue(options.wire, afterBurst)];
  }

  get mac(): string {
    return this.#mac;
  }

  get ended(): boolean {
    return this.#wire.counters[ENDED] !== 0;
  }

  link(): LinkState {
    const up = this.#wire.connected;
    return { up, speed: up ? this.#wire.speed || SPEED : 0, fullDuplex: true };
  }

  async waitForLink(timeoutMilliseconds = 10_000): Promise<LinkState> {
    const deadline = performance.now() + timeoutMilliseconds;
    while (!this.link().up) {
      if (performance.now() >= deadline) {
        throw new IxyError(
          'ERR_TIMEOUT',
          `${this.name}: no link after ${timeoutMilliseconds} ms; is its interface gone?`,
        );
      }
      await setTimeout(LINK_POLL_MILLISECONDS);
    }
    return this.link();
  }

  setMac(mac: string): void {
    this.#mac = mac;
  }

  /** Nothing to do: a wire has no filter. */
  setPromiscuous(_enabled: boolean): void {}

  /** Nothing to do: a wire has no filter. */
  setAllMulticast(_enabled: boolean): void {}

  statistics(): DeviceStatistics {
    const { sent, received } = wireStatistics(this.#wire.counters);
    const { tooLong, badChecksum } = this.tx[0];
    return {
      rxPackets: received.frames,
      rxBytes: received.bytes,
      txPackets: sent.frames,
      txBytes: sent.bytes,
      rxDropped: received.droppedRefused + received.droppedUnplugged,
      rxErrors: 0,
      txDropped: sent.droppedRefused + sent.droppedUnplugged + tooLong + badChecksum,
      txErrors: 0,
    };
  }

  counters(): Record<string, number> {
    const { noBuffer } = this.rx[0];
    const { tooLong, badChecksum } = this.tx[0];
    return { ...flatWireStatistics(this.#wire.counters), noBuffer, tooLong, badChecksum };
  }

  /** None: there is no hardware, not even an emulated one. */
  registers(): Record<string, number> {
    return {};
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    try {
      this.#wire.close();
      this.#onClose();
    } finally {
      this.emit('closed');
    }
  }

  /** A wire that has come loose stays so: its interface was deleted. */
  #noticeRemoval(): void {
    if (this.#wire.connected || !this.#up || this.#closed) return;
    this.#up = false;
    this.emit('link', this.link());
    const error = new IxyError('ERR_DEVICE_GONE', `${this.name}: the interface was deleted while in use`);
    // Not from within a burst: listeners may well call close().
    queueMicrotask(() => this.emit('removed', error));
  }
}
