/**
 * The least that drives a virtio-net device by the book (virtio 1.2, section 3.1.1): for tests of the model, apart from
 * src/drivers. Each step is a method, so that a test can leave one out or do it wrong. It knows split rings alone.
 */
import {
  type FeatureName,
  type FeatureSet,
  featureSet,
  hasFeature,
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
} from '../../../src/datasheet/virtio/features.ts';
import {
  CONTROL,
  type ControlName,
  NET_HEADER_BYTES,
  NET_HEADER_HASH_BYTES,
} from '../../../src/datasheet/virtio/net.ts';
import { type EmulatedDeviceOptions, EmulatedPciDevice } from '../../../src/emulation/emulated-device.ts';
import { CallbackWire } from '../../../src/emulation/wires/index.ts';
import type { PciDevice } from '../../../src/pci/pci-device.ts';
import { LegacyInterface, ModernInterface, type TestInterface } from './test-interfaces.ts';
import { TestQueue } from './test-queue.ts';

export const MAC = '02:00:00:1a:f4:01';
export const QUEUE_SIZE = 32;

export class TestDriver<Interface extends TestInterface = TestInterface> {
  readonly device: PciDevice;
  readonly face: Interface;
  /** Enabled queues, by index. */
  readonly queues: TestQueue[] = [];
  features: FeatureSet = featureSet([]);

  constructor(device: PciDevice, face: Interface) {
    this.device = device;
    this.face = face;
  }

  /** Everything in order, with what is offered of `wanted`; by default all but packed rings. */
  start(wanted?: readonly FeatureName[]): this {
    this.device.setBusMaster(true);
    this.begin();
    this.negotiate(wanted);
    this.setUpQueues();
    this.run();
    return this;
  }

  reset(): void {
    this.face.setStatus(0);
    this.face.status();
  }

  /** Reset, ACKNOWLEDGE, DRIVER. */
  begin(): void {
    this.reset();
    this.add(STATUS_ACKNOWLEDGE);
    this.add(STATUS_DRIVER);
  }

  /** Accepts features; whether the device agrees. */
  negotiate(wanted?: readonly FeatureName[]): boolean {
    const offered = this.face.offered();
    const set = wanted ? featureSet(wanted) : { low: -1, high: ~featureSet(['RING_PACKED']).high };
    this.features = { low: (offered.low & set.low) >>> 0, high: (offered.high & set.high) >>> 0 };
    return this.agree(this.features);
  }

  agree(features: FeatureSet): boolean {
    this.face.accept(features);
    if (this.face.legacy) return true;
    this.add(STATUS_FEATURES_OK);
    return (this.face.status() & STATUS_FEATURES_OK) !== 0;
  }

  /** Every queue that the device has; vector `1 + index` if there are messages. */
  setUpQueues(vectors = false): void {
    for (let index = 0; this.face.queueSize(index) > 0; index++)
      this.setUpQueue(index, vectors ? 1 + index : undefined);
  }

  setUpQueue(index: number, vector?: number): TestQueue {
    const queue = new TestQueue(this.device.dma, index, this.face.queueSize(index));
    queue.kick = () => this.face.kick(index);
    queue.eventIndex = hasFeature(this.features, 'EVENT_IDX');
    this.queues[index] = queue;
    this.face.enable(queue, vector);
    return queue;
  }

  /** DRIVER_OK, and buffers for receiving. */
  run(): void {
    this.add(STATUS_DRIVER_OK);
    const pairs = Math.max(1, this.queues.length >> 1);
    for (let pair = 0; pair < pairs; pair++) this.queues[2 * pair]?.fill();
  }

  add(bits: number): void {
    this.face.setStatus(this.face.status() | bits);
  }

  get headerBytes(): number {
    if (hasFeature(this.features, 'HASH_REPORT')) return NET_HEADER_HASH_BYTES;
    return !this.face.legacy || hasFeature(this.features, 'MRG_RXBUF') ? NET_HEADER_BYTES : 10;
  }

  /** Sends a frame by pair `pair`. */
  transmit(frame: Uint8Array, pair = 0): void {
    this.queues[2 * pair + 1].offer([new Uint8Array(this.headerBytes), frame], []);
  }

  /** Frames received by pair `pair` since the last call. */
  receive(pair = 0): Uint8Array[] {
    return this.receiveRaw(pair).map((written) => written.slice(this.headerBytes));
  }

  /** The same with their headers. */
  receiveRaw(pair = 0): Uint8Array[] {
    const queue = this.queues[2 * pair];
    const frames = queue.used().map(({ written }) => written.slice());
    for (let i = 0; i < frames.length; i++) queue.offerBuffer();
    return frames;
  }

  /** Sends a command and lets the device work; its acknowledgement, −1 if there was none. */
  control(name: ControlName, data: readonly number[]): number {
    return this.command(CONTROL[name], data);
  }

  command(code: readonly number[], data: readonly number[]): number {
    const queue = this.queues[this.queues.length - 1];
    queue.offer([Uint8Array.from(code), Uint8Array.from(data)], [1]);
    this.device.clock.pause(0.1);
    return queue.used()[0]?.written[0] ?? -1;
  }

  close(): void {
    this.device.close();
    for (const queue of this.queues) queue?.unmap();
  }
}

export interface Lab<Interface extends TestInterface = TestInterface> {
  readonly device: EmulatedPciDevice<'virtio'>;
  readonly wire: CallbackWire;
  readonly driver: TestDriver<Interface>;
  /** Frames that the device sent. */
  readonly sent: Uint8Array[];
}

type LabOptions = Omit<EmulatedDeviceOptions<'virtio'>, 'model' | 'wire'>;

function lab<Interface extends TestInterface>(
  options: LabOptions,
  face: (device: PciDevice) => Interface,
): Lab<Interface> {
  const sent: Uint8Array[] = [];
  const wire = new CallbackWire({
    onFrame: (bytes, offset, length) => {
      sent.push(bytes.slice(offset, offset + length));
      return true;
    },
  });
  const device = new EmulatedPciDevice({ mac: MAC, queueSize: QUEUE_SIZE, ...options, model: 'virtio', wire });
  return { device, wire, driver: new TestDriver(device, face(device)), sent };
}

/** A device with a wire that a test holds, and a driver of its modern interface that has not started. */
export function modernLab(options: LabOptions = {}): Lab<ModernInterface> {
  return lab({ kind: 'modern', ...options }, (device) => new ModernInterface(device));
}

/** The same by the legacy interface. */
export function legacyLab(options: LabOptions = {}): Lab<LegacyInterface> {
  return lab({ kind: 'legacy', ...options }, (device) => new LegacyInterface(device));
}

/** A frame to `to`, of `length` bytes, whose content depends on `seed`. */
export function frameTo(to: string, length = 60, seed = 0): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);
  frame.set(macOf(to));
  frame.set([0x02, 0, 0, 0, 0, 1, 0x88, 0xb5], 6);
  return frame;
}

export function macOf(text: string): number[] {
  return text.split(':').map((byte) => Number.parseInt(byte, 16));
}
