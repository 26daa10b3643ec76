/**
 * A virtio network device of registers and queues, as much as initialisation and commands need: it logs what the driver
 * does, answers commands, and tests may interfere with any register.
 */
import { type FeatureName, featureSet, hasFeature } from '../../../src/datasheet/virtio/features.ts';
import { COMMON, COMMON_BYTES, LEGACY, LEGACY_PAGE } from '../../../src/datasheet/virtio/pci.ts';
import { splitLayout } from '../../../src/datasheet/virtio/split-ring.ts';
import type { DmaMemory } from '../../../src/memory/dma-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import type { DeviceClock, PciConfigSpace, PciDevice, RegisterFile } from '../../../src/pci/pci-device.ts';
import {
  BAR_BYTES,
  COMMON_OFFSET,
  DEVICE_OFFSET,
  FakeConfig,
  ISR_OFFSET,
  MODERN_BAR,
  NOTIFY_MULTIPLIER,
  NOTIFY_OFFSET,
} from './fake-config.ts';
import { FakeInterrupts } from './fake-interrupts.ts';
import { FakeDomain } from './fake-memory.ts';
import { FakePackedQueue, type FakeQueue, FakeSplitQueue } from './fake-queue.ts';
import { type Access, memoryAccess, registerFile } from './fake-registers.ts';

interface FakeOptions {
  readonly kind?: 'legacy' | 'transitional' | 'modern';
  readonly features?: readonly FeatureName[];
  readonly pairs?: number;
  readonly queueSize?: number;
  readonly interrupts?: 'msix' | 'intx' | 'none';
  readonly vectors?: number;
}

export interface Command {
  readonly code: readonly number[];
  readonly data: readonly (readonly number[])[];
}

interface QueueState {
  size: number;
  vector: number;
  enabled: boolean;
  readonly addresses: [number, number, number];
  rings: FakeQueue | undefined;
}

export const MAC = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
/** What a capable device offers. */
export const USUAL: readonly FeatureName[] = [
  'CSUM',
  'MAC',
  'STATUS',
  'CTRL_VQ',
  'CTRL_RX',
  'CTRL_MAC_ADDR',
  'EVENT_IDX',
];

const NO_VECTOR = 0xffff;
const nameOf = (table: Record<string, number>, offset: number) =>
  Object.entries(table).find(([, at]) => at === offset)?.[0] ?? `0x${offset.toString(16)}`;

export class FakeVirtio implements PciDevice {
  readonly address = '0000:00:03.0';
  readonly vendorId = 0x1af4;
  readonly deviceId: number;
  readonly numaNode = -1;
  readonly config: PciConfigSpace;
  readonly space: FakeConfig;
  readonly dma = new FakeDomain();
  readonly interrupts: FakeInterrupts | undefined;
  /** In order: 'status 1', 'queue 0', 'notify 2', 'bus-master true', 'free', 'close', … */
  readonly log: string[] = [];
  readonly commands: Command[] = [];
  /** The device's own configuration. */
  readonly net = new DataView(new ArrayBuffer(24));
  readonly queues: QueueState[];
  /** What the driver accepted. */
  readonly accepted = [0, 0];
  offered: { low: number; high: number };
  status = 0;
  isr = 0;
  generation = 0;
  configVector = NO_VECTOR;
  now = 0;
  /** How a command is acknowledged; undefined: never. */
  answer: (command: Command) => number | undefined = () => 0;
  /** Called before each read of a register; a number replaces its value. */
  onRead: (name: string) => number | undefined = () => undefined;
  /** The modern BAR as memory, which nobody looks at. */
  doorbells: Int32Array = new Int32Array(0);
  readonly #kind: 'legacy' | 'transitional' | 'modern';
  readonly #queueSize: number;
  readonly #selects = { DEVICE_FEATURE_SELECT: 0, DRIVER_FEATURE_SELECT: 0, QUEUE_SELECT: 0 };

  constructor(options: FakeOptions = {}) {
    const { kind = 'modern', features = USUAL, pairs = 1, queueSize = 256, interrupts = 'none', vectors = 8 } = options;
    this.#kind = kind;
    this.#queueSize = queueSize;
    this.deviceId = kind === 'modern' ? 0x1041 : 0x1000;
    this.offered = featureSet(kind === 'legacy' ? features : [...features, 'VERSION_1']);
    const control = hasFeature(this.offered, 'CTRL_VQ') ? 1 : 0;
    this.queues = Array.from({ length: 2 * pairs + control }, () => this.#freshQueue());
    this.space = new FakeConfig(this.deviceId, { modern: kind !== 'legacy', msix: interrupts === 'msix' });
    this.config = this.space.space;
    if (interrupts !== 'none') {
      this.interrupts = new FakeInterrupts(interrupts, interrupts === 'msix' ? vectors : 1, (enabled) => {
        this.log.push(`interrupts ${enabled}`);
        if (interrupts === 'msix') this.space.msixEnabled = enabled;
      });
    }
    for (const [i, byte] of MAC.entries()) this.net.setUint8(i, byte);
    this.net.setUint16(6, 1, true);
    this.net.setUint16(8, pairs, true);
    this.net.setUint16(10, 1500, true);
    this.net.setUint32(12, 10_000, true);
    this.net.setUint8(16, 1);
  }

  readonly clock: DeviceClock = {
    now: () => this.now,
    sleep: async (milliseconds) => {
      this.now += milliseconds;
    },
    pause: (milliseconds) => {
      this.now += milliseconds;
    },
  };

  readonly allocateMemory = (minimumBytes: number): DmaMemory => {
    const memory = allocatePlainMemory(minimumBytes);
    const free = memory.free.bind(memory);
    memory.free = () => {
      this.log.push('free');
      free();
    };
    return memory;
  };

  bar(index: number): RegisterFile {
    if (index === MODERN_BAR && this.#kind !== 'legacy') return registerFile(BAR_BYTES, this.#modern, this.doorbells);
    if (index === 0 && this.#kind !== 'modern') return registerFile(64, this.#legacy);
    return registerFile(0, () => 0);
  }

  setBusMaster(enabled: boolean): void {
    this.log.push(`bus-master ${enabled}`);
  }

  close(): void {
    this.log.push('close');
  }

  has(name: FeatureName): boolean {
    return hasFeature({ low: this.accepted[0], high: this.accepted[1] }, name);
  }

  /** The device's side of queue `index`, once the driver has set it up. */
  ring(index: number): FakeQueue {
    const { rings } = this.queues[index];
    if (!rings) throw new Error(`queue ${index} is not set up`);
    return rings;
  }

  readonly #modern: Access = (offset, width, value) => {
    if (offset >= NOTIFY_OFFSET) return this.#notified((offset - NOTIFY_OFFSET) / NOTIFY_MULTIPLIER, value);
    if (offset >= DEVICE_OFFSET) return memoryAccess(this.net)(offset - DEVICE_OFFSET, width, value);
    if (offset >= ISR_OFFSET) return this.#readIsr();
    const half = offset >= COMMON.QUEUE_DESC && offset < COMMON_BYTES ? offset % 8 : 0;
    return this.#register(nameOf(COMMON, offset - COMMON_OFFSET - half), half / 4, value);
  };

  readonly #legacy: Access = (offset, width, value) => {
    const config = this.space.msixEnabled ? 24 : 20;
    if (offset >= config) {
      const at = offset - config;
      return at + width > 24 ? 0 : memoryAccess(this.net)(at, width, value);
    }
    const name = nameOf(LEGACY, offset);
    if (name === 'QUEUE_NOTIFY') return this.#notified(value ?? 0, value);
    if (name === 'ISR_STATUS') return this.#readIsr();
    return this.#register(name, 0, value);
  };

  #register(name: string, half: number, value: number | undefined): number {
    return value === undefined ? (this.onRead(name) ?? this.#read(name)) : this.#write(name, half, value);
  }

  #read(name: string): number {
    const queue = this.queues[this.#selects.QUEUE_SELECT];
    switch (name) {
      case 'DEVICE_FEATURES':
        return this.offered.low;
      case 'DEVICE_FEATURE':
        return this.#selects.DEVICE_FEATURE_SELECT === 0 ? this.offered.low : this.offered.high;
      case 'NUM_QUEUES':
        return this.queues.length;
      case 'DEVICE_STATUS':
        return this.status;
      case 'CONFIG_GENERATION':
        return this.generation;
      case 'CONFIG_MSIX_VECTOR':
        return this.configVector;
      case 'QUEUE_SIZE':
        return queue?.size ?? 0;
      case 'QUEUE_MSIX_VECTOR':
        return queue?.vector ?? NO_VECTOR;
      case 'QUEUE_ENABLE':
        return queue?.enabled ? 1 : 0;
      case 'QUEUE_NOTIFY_OFF':
        return this.#selects.QUEUE_SELECT;
      default:
        return 0;
    }
  }

  #write(name: string, half: number, value: number): number {
    const index = this.#selects.QUEUE_SELECT;
    const queue = this.queues[index];
    if (name in this.#selects) this.#selects[name as 'QUEUE_SELECT'] = value;
    else if (name === 'DRIVER_FEATURES') this.accepted[0] = value;
    else if (name === 'DRIVER_FEATURE') this.accepted[this.#selects.DRIVER_FEATURE_SELECT] = value;
    else if (name === 'DEVICE_STATUS') this.#setStatus(value);
    else if (name === 'CONFIG_MSIX_VECTOR') this.configVector = value;
    else if (!queue)
      return 0; // a queue that it does not have
    else if (name === 'QUEUE_SIZE') queue.size = value;
    else if (name === 'QUEUE_MSIX_VECTOR') queue.vector = value;
    else if (name === 'QUEUE_ADDRESS') this.#enableLegacy(index, value * LEGACY_PAGE);
    else if (name === 'QUEUE_ENABLE') this.#enable(index);
    else if (name === 'QUEUE_RESET') queue.enabled = false;
    else {
      const part = ['QUEUE_DESC', 'QUEUE_DRIVER', 'QUEUE_DEVICE'].indexOf(name);
      if (part < 0) throw new Error(`written to ${name}`);
      queue.addresses[part] += value * 2 ** (32 * half);
    }
    return 0;
  }

  #setStatus(value: number): void {
    this.log.push(`status ${value}`);
    this.status = value;
    if (value !== 0) return;
    this.configVector = NO_VECTOR;
    this.accepted.fill(0);
    for (const index of this.queues.keys()) this.queues[index] = this.#freshQueue();
  }

  #freshQueue(): QueueState {
    return { size: this.#queueSize, vector: NO_VECTOR, enabled: false, addresses: [0, 0, 0], rings: undefined };
  }

  #enableLegacy(index: number, address: number): void {
    const { available, used } = splitLayout(this.queues[index].size);
    this.queues[index].addresses.splice(0, 3, address, address + available, address + used);
    this.#enable(index);
  }

  #enable(index: number): void {
    const queue = this.queues[index];
    const [descriptors, driver, device] = queue.addresses;
    const eventIndex = this.has('EVENT_IDX');
    const setup = { domain: this.dma, size: queue.size, eventIndex, descriptors, driver, device };
    this.log.push(`queue ${index}`);
    queue.enabled = true;
    queue.rings = this.has('RING_PACKED') ? new FakePackedQueue(setup) : new FakeSplitQueue(setup);
  }

  #readIsr(): number {
    const isr = this.isr;
    this.isr = 0;
    return isr;
  }

  #notified(index: number, value: number | undefined): number {
    if (value === index) this.log.push(`notify ${index}`);
    const hasPairs = this.has('MQ') || this.has('RSS');
    const isControl = this.has('CTRL_VQ') && index === (hasPairs ? this.queues.length - 1 : 2);
    if (isControl && (this.status & 4) !== 0) this.#obey(this.ring(index));
    return 0;
  }

  #obey(ring: FakeQueue): void {
    for (let buffer = ring.take(); buffer; buffer = ring.take()) {
      const read = buffer.parts.filter(({ writable }) => !writable).map(({ bytes }) => octets(bytes));
      const command = { code: read[0], data: read.slice(1) };
      this.commands.push(command);
      const answer = this.answer(command);
      if (answer === undefined) return;
      buffer.parts[buffer.parts.length - 1].bytes.setUint8(0, answer);
      ring.use(buffer, 1);
    }
  }
}

function octets({ buffer, byteOffset, byteLength }: DataView): number[] {
  return [...new Uint8Array(buffer, byteOffset, byteLength)];
}
