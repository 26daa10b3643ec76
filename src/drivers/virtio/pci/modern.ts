/** The modern interface of virtio over PCI: structures that capabilities point to (virtio 1.2, sections 4.1.4 and 4.1.5). */
import type { FeatureSet } from '../../../datasheet/virtio/features.ts';
import { COMMON, NO_VECTOR } from '../../../datasheet/virtio/pci.ts';
import { IxyError } from '../../../errors.ts';
import { addressHigh, addressLow } from '../../../memory/dma-memory.ts';
import type { PciDevice } from '../../../pci/pci-device.ts';
import type { DoorbellPlace, QueueAddresses, QueueSetup, TransportInterrupts } from '../transport.ts';
import type { Structures } from './capabilities.ts';
import { DOORBELL_BYTES, makeDoorbell } from './doorbell.ts';
import { PciTransportInterrupts } from './interrupts.ts';
import { PciTransport } from './transport.ts';

const RESET_BYTES = 2;
const QUEUE_RESET_MILLISECONDS = 100;
const RESET_LOOK_MILLISECONDS = 0.02;

/** More queues than this, people will not look at. */
const MAXIMUM_SHOWN_QUEUES = 65;
/** Fields by width, for `registers`. Those of a queue depend on QUEUE_SELECT. */
const FIELDS_8 = ['DEVICE_STATUS', 'CONFIG_GENERATION'] as const;
const FIELDS_16 = ['CONFIG_MSIX_VECTOR', 'NUM_QUEUES'] as const;
const QUEUE_FIELDS = ['QUEUE_SIZE', 'QUEUE_MSIX_VECTOR', 'QUEUE_ENABLE', 'QUEUE_NOTIFY_OFF'] as const;
const QUEUE_ADDRESSES = ['QUEUE_DESC', 'QUEUE_DRIVER', 'QUEUE_DEVICE'] as const;

export class ModernTransport extends PciTransport {
  readonly kind = 'modern';
  readonly fixedQueueSize = false;
  readonly interrupts: TransportInterrupts | undefined;
  readonly #structures: Structures;

  constructor(device: PciDevice, structures: Structures) {
    super(device);
    this.#structures = structures;
    const { isr } = structures;
    this.interrupts = PciTransportInterrupts.of(device, isr && (() => isr.registers.read8(isr.offset)));
  }

  get queueCount(): number {
    return this.#read16(COMMON.NUM_QUEUES);
  }

  deviceFeatures(): FeatureSet {
    return { low: this.#featureWord(0), high: this.#featureWord(1) };
  }

  acceptFeatures({ low, high }: FeatureSet): void {
    for (const [select, word] of [low, high].entries()) {
      this.#write32(COMMON.DRIVER_FEATURE_SELECT, select);
      this.#write32(COMMON.DRIVER_FEATURE, word);
    }
  }

  readConfig(offset: number, bytes: 1 | 2 | 4): number {
    const structure = this.#structures.device;
    if (!structure || offset + bytes > structure.size) return 0;
    const { registers } = structure;
    const at = structure.offset + offset;
    if (bytes === 1) return registers.read8(at);
    return bytes === 2 ? registers.read16(at) : registers.read32(at);
  }

  writeConfig8(offset: number, value: number): void {
    const structure = this.#structures.device;
    if (structure && offset < structure.size) structure.registers.write8(structure.offset + offset, value);
  }

  queueSize(index: number): number {
    if (index >= this.queueCount) return 0;
    this.#write16(COMMON.QUEUE_SELECT, index);
    return this.#read16(COMMON.QUEUE_SIZE);
  }

  /** All of a queue's fields are written before it is enabled (4.1.4.3.2). */
  setUpQueue(index: number, { size, addresses, vector }: QueueSetup): () => void {
    this.checkQueue(index, size);
    this.#write16(COMMON.QUEUE_SELECT, index);
    this.#write16(COMMON.QUEUE_SIZE, size);
    if (vector !== undefined) {
      this.#write16(COMMON.QUEUE_MSIX_VECTOR, vector);
      this.checkVector(`queue ${index}`, vector, this.#read16(COMMON.QUEUE_MSIX_VECTOR));
    }
    this.#writeAddresses(addresses);
    const { offset } = this.#selectedDoorbell(index);
    this.#write16(COMMON.QUEUE_ENABLE, 1);
    return makeDoorbell(this.#structures.notify.registers, offset, index, (write) => this.doorbell(write));
  }

  /** Both fields are 0 once the device has let go of the queue (4.1.4.3.1). */
  resetQueue(index: number): void {
    if (this.#structures.common.size < COMMON.QUEUE_RESET + RESET_BYTES) {
      throw new IxyError(
        'ERR_DEVICE_UNSUPPORTED',
        `${this.address}: the device offers RING_RESET, but its common configuration has no field for it`,
      );
    }
    this.#write16(COMMON.QUEUE_SELECT, index);
    if (this.#read16(COMMON.QUEUE_ENABLE) === 0) return;
    this.#write16(COMMON.QUEUE_RESET, 1);
    const end = this.clock.now() + QUEUE_RESET_MILLISECONDS;
    while (this.#read16(COMMON.QUEUE_RESET) !== 0 || this.#read16(COMMON.QUEUE_ENABLE) !== 0) {
      if (this.clock.now() >= end) {
        throw new IxyError(
          'ERR_TIMEOUT',
          `${this.address}: the device still has queue ${index} ${QUEUE_RESET_MILLISECONDS} ms after it was asked for it`,
        );
      }
      this.clock.pause(RESET_LOOK_MILLISECONDS);
    }
  }

  doorbellOf(index: number): DoorbellPlace {
    this.#write16(COMMON.QUEUE_SELECT, index);
    return this.#selectedDoorbell(index);
  }

  setConfigVector(vector: number | undefined): void {
    this.#write16(COMMON.CONFIG_MSIX_VECTOR, vector ?? NO_VECTOR);
    if (vector === undefined) return;
    this.checkVector('configuration changes', vector, this.#read16(COMMON.CONFIG_MSIX_VECTOR));
  }

  /** Fields of the common configuration; those of the first queues as 'QUEUE_SIZE[2]'. */
  registers(): Record<string, number> {
    const offered = this.deviceFeatures();
    const values: Record<string, number> = { 'DEVICE_FEATURE[0]': offered.low, 'DEVICE_FEATURE[1]': offered.high };
    for (const name of FIELDS_8) values[name] = this.#read8(COMMON[name]);
    for (const name of FIELDS_16) values[name] = this.#read16(COMMON[name]);
    for (let index = 0; index < Math.min(values.NUM_QUEUES, MAXIMUM_SHOWN_QUEUES); index++) {
      this.#write16(COMMON.QUEUE_SELECT, index);
      for (const name of QUEUE_FIELDS) values[`${name}[${index}]`] = this.#read16(COMMON[name]);
      for (const name of QUEUE_ADDRESSES) {
        values[`${name}[${index}]`] = this.#read32(COMMON[name]) + this.#read32(COMMON[name] + 4) * 2 ** 32;
      }
    }
    return values;
  }

  protected loadStatus(): number {
    return this.#read8(COMMON.DEVICE_STATUS);
  }

  protected storeStatus(status: number): void {
    const { registers, offset } = this.#structures.common;
    registers.write8(offset + COMMON.DEVICE_STATUS, status);
  }

  protected configGeneration(): number {
    return this.#read8(COMMON.CONFIG_GENERATION);
  }

  #featureWord(select: number): number {
    this.#write32(COMMON.DEVICE_FEATURE_SELECT, select);
    return this.#read32(COMMON.DEVICE_FEATURE);
  }

  #writeAddresses({ descriptors, driver, device }: QueueAddresses): void {
    const places = [
      [COMMON.QUEUE_DESC, descriptors],
      [COMMON.QUEUE_DRIVER, driver],
      [COMMON.QUEUE_DEVICE, device],
    ] as const;
    for (const [at, address] of places) {
      this.#write32(at, addressLow(address) >>> 0);
      this.#write32(at + 4, addressHigh(address) >>> 0);
    }
  }

  #selectedDoorbell(index: number): DoorbellPlace {
    const { bar, offset, size, multiplier } = this.#structures.notify;
    const at = this.#read16(COMMON.QUEUE_NOTIFY_OFF) * multiplier;
    if (at + DOORBELL_BYTES <= size) return { bar, offset: offset + at };
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${this.address}: the doorbell of queue ${index} must lie in ${size} bytes, found it at ${at}`,
    );
  }

  #read8(at: number): number {
    const { registers, offset } = this.#structures.common;
    return registers.read8(offset + at);
  }

  #read16(at: number): number {
    const { registers, offset } = this.#structures.common;
    return registers.read16(offset + at);
  }

  #read32(at: number): number {
    const { registers, offset } = this.#structures.common;
    return registers.read32(offset + at);
  }

  #write16(at: number, value: number): void {
    const { registers, offset } = this.#structures.common;
    registers.write16(offset + at, value);
  }

  #write32(at: number, value: number): void {
    const { registers, offset } = this.#structures.common;
    registers.write32(offset + at, value);
  }
}
