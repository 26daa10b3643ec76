/** A queue on a ring in memory, and the device's side of it. */
import {
  type QueueInit,
  queueBytes,
  type RingFeatures,
  type RingKind,
} from '../../../src/drivers/virtio/queue-init.ts';
import { VirtioRxQueue } from '../../../src/drivers/virtio/rx-queue.ts';
import type { QueueAddresses } from '../../../src/drivers/virtio/transport.ts';
import { VirtioTxQueue } from '../../../src/drivers/virtio/tx-queue.ts';
import { createPacketPool } from '../../../src/memory/checked-pool.ts';
import { NO_PACKET, type PacketPool } from '../../../src/memory/packet-pool.ts';
import { testMemory } from '../../support/memory.ts';
import { FakeDomain } from './fake-memory.ts';
import { PackedDevice } from './packed-device.ts';
import { type RingDevice, SplitDevice } from './split-device.ts';

export interface RingOptions extends Partial<RingFeatures> {
  readonly kind?: RingKind;
  readonly size?: number;
  readonly maximumFrame?: number;
  readonly checked?: boolean;
  readonly poolBytes?: number;
}

export const PLAIN: RingFeatures = {
  inOrder: false,
  eventIndex: false,
  mergeable: false,
  receiveChecksum: false,
  transmitChecksum: false,
  hashReport: false,
  headerBytes: 12,
  separateHeader: false,
};

function ring(domain: FakeDomain, broken: string[], options: RingOptions): QueueInit {
  const { kind = 'split', size = 64, maximumFrame = 1514, checked: _, poolBytes: __, ...features } = options;
  const memory = testMemory(2 ** 21);
  domain.map(memory);
  // Not at the memory's begin, so that addresses and indices differ.
  const bytes = new Uint8Array(memory.buffer, 4096, queueBytes(kind, size));
  return {
    memory: { memory, offset: 4096, bytes },
    address: domain.addressOf(memory, 4096),
    size,
    kind,
    features: { ...PLAIN, ...features },
    domain,
    maximumFrame,
    onBroken: (reason) => broken.push(reason),
  };
}

function deviceSide(domain: FakeDomain, init: QueueInit, addresses: QueueAddresses): RingDevice {
  const Device = init.kind === 'packed' ? PackedDevice : SplitDevice;
  return new Device(domain, addresses, init.size, init.features.inOrder);
}

export function receiver(options: RingOptions = {}) {
  const domain = new FakeDomain();
  const broken: string[] = [];
  const pool = createPacketPool(testMemory(options.poolBytes ?? 2 ** 21), { checked: options.checked ?? true });
  const init = ring(domain, broken, options);
  const queue = new VirtioRxQueue({ ...init, pool });
  const device = deviceSide(domain, init, queue.addresses);
  const kicks = { count: 0 };
  queue.start(() => kicks.count++);
  queue.fill();
  return { domain, broken, pool, queue, device, kicks, features: init.features };
}

export function transmitter(options: RingOptions = {}) {
  const domain = new FakeDomain();
  const broken: string[] = [];
  const pool = createPacketPool(testMemory(options.poolBytes ?? 2 ** 21), { checked: options.checked ?? true });
  const init = ring(domain, broken, options);
  const queue = new VirtioTxQueue(init);
  const device = deviceSide(domain, init, queue.addresses);
  const kicks = { count: 0 };
  queue.start(() => kicks.count++);
  return { domain, broken, pool, queue, device, kicks, features: init.features };
}

/** Throws unless every packet of `pool` is free exactly once, or in `elsewhere` (with its chain) exactly once. */
export function expectConserved(pool: PacketPool, elsewhere: Iterable<number> = []): void {
  const places = new Uint8Array(pool.length.length);
  for (const packet of pool.stack.subarray(0, pool.available)) places[packet]++;
  for (const packet of elsewhere) {
    for (let segment = packet; segment !== NO_PACKET; segment = pool.next[segment]) places[segment]++;
  }
  const twice = places.findIndex((count) => count > 1);
  if (twice >= 0) throw new Error(`packet ${twice} is in two places`);
  const total = places.reduce((sum, count) => sum + count, 0);
  if (total !== pool.capacity) throw new Error(`${pool.capacity - total} packets are lost`);
}
