/** The two ways to a virtio-net device over PCI, register by register: for tests of the model. */
import type { FeatureSet } from '../../../src/datasheet/virtio/features.ts';
import { COMMON, LEGACY, NO_VECTOR } from '../../../src/datasheet/virtio/pci.ts';
import { MODERN_BAR, STRUCTURES } from '../../../src/emulation/virtio/pci/config.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import type { PciDevice } from '../../../src/pci/pci-device.ts';
import type { TestQueue } from './test-queue.ts';

const { common, isr, device: netConfig, notify } = STRUCTURES;

/** What differs between the two interfaces. */
export interface TestInterface {
  readonly legacy: boolean;
  status(): number;
  setStatus(status: number): void;
  offered(): FeatureSet;
  accept(features: FeatureSet): void;
  /** Enables a queue of the device's size, with an MSI-X vector if one is given. */
  enable(queue: TestQueue, vector?: number): void;
  queueSize(index: number): number;
  kick(index: number): void;
  config8(offset: number): number;
  config16(offset: number): number;
  configVector(vector: number): number;
  causes(): number;
}

export class ModernInterface implements TestInterface {
  readonly legacy = false;
  readonly #bar;

  constructor(device: PciDevice) {
    this.#bar = device.bar(MODERN_BAR);
  }

  read(field: keyof typeof COMMON, bytes: 1 | 2 | 4): number {
    const offset = common.offset + COMMON[field];
    return bytes === 1 ? this.#bar.read8(offset) : bytes === 2 ? this.#bar.read16(offset) : this.#bar.read32(offset);
  }

  write(field: keyof typeof COMMON, bytes: 1 | 2 | 4, value: number): void {
    const offset = common.offset + COMMON[field];
    if (bytes === 1) this.#bar.write8(offset, value);
    else if (bytes === 2) this.#bar.write16(offset, value);
    else this.#bar.write32(offset, value);
  }

  status(): number {
    return this.read('DEVICE_STATUS', 1);
  }

  setStatus(status: number): void {
    this.write('DEVICE_STATUS', 1, status);
  }

  offered(): FeatureSet {
    this.write('DEVICE_FEATURE_SELECT', 4, 0);
    const low = this.read('DEVICE_FEATURE', 4);
    this.write('DEVICE_FEATURE_SELECT', 4, 1);
    return { low, high: this.read('DEVICE_FEATURE', 4) };
  }

  accept({ low, high }: FeatureSet): void {
    this.write('DRIVER_FEATURE_SELECT', 4, 0);
    this.write('DRIVER_FEATURE', 4, low);
    this.write('DRIVER_FEATURE_SELECT', 4, 1);
    this.write('DRIVER_FEATURE', 4, high);
  }

  select(index: number): void {
    this.write('QUEUE_SELECT', 2, index);
  }

  place(queue: TestQueue): void {
    const parts = [
      [COMMON.QUEUE_DESC, queue.address(queue.layout.descriptors)],
      [COMMON.QUEUE_DRIVER, queue.address(queue.layout.available)],
      [COMMON.QUEUE_DEVICE, queue.address(queue.layout.used)],
    ] as const;
    for (const [offset, address] of parts) {
      this.#bar.write32(common.offset + offset, addressLow(address));
      this.#bar.write32(common.offset + offset + 4, addressHigh(address));
    }
  }

  enable(queue: TestQueue, vector = NO_VECTOR): void {
    this.select(queue.index);
    this.write('QUEUE_SIZE', 2, queue.size);
    this.place(queue);
    if (vector !== NO_VECTOR) {
      this.write('QUEUE_MSIX_VECTOR', 2, vector);
      this.read('QUEUE_MSIX_VECTOR', 2);
    }
    this.write('QUEUE_ENABLE', 2, 1);
  }

  queueSize(index: number): number {
    this.select(index);
    return this.read('QUEUE_SIZE', 2);
  }

  kick(index: number): void {
    this.select(index);
    this.#bar.write16(notify.offset + 4 * this.read('QUEUE_NOTIFY_OFF', 2), index);
  }

  config8(offset: number): number {
    return this.#bar.read8(netConfig.offset + offset);
  }

  config16(offset: number): number {
    return this.#bar.read16(netConfig.offset + offset);
  }

  config32(offset: number): number {
    return this.#bar.read32(netConfig.offset + offset);
  }

  configVector(vector: number): number {
    this.write('CONFIG_MSIX_VECTOR', 2, vector);
    return this.read('CONFIG_MSIX_VECTOR', 2);
  }

  causes(): number {
    return this.#bar.read8(isr.offset);
  }
}

export class LegacyInterface implements TestInterface {
  readonly legacy = true;
  readonly #bar;
  readonly #messages: () => boolean;

  /** `messages`: whether MSI-X is enabled, which moves what lies behind it. */
  constructor(device: PciDevice, messages: () => boolean = () => false) {
    this.#bar = device.bar(0);
    this.#messages = messages;
  }

  status(): number {
    return this.#bar.read8(LEGACY.DEVICE_STATUS);
  }

  setStatus(status: number): void {
    this.#bar.write8(LEGACY.DEVICE_STATUS, status);
  }

  offered(): FeatureSet {
    return { low: this.#bar.read32(LEGACY.DEVICE_FEATURES), high: 0 };
  }

  accept({ low }: FeatureSet): void {
    this.#bar.write32(LEGACY.DRIVER_FEATURES, low);
  }

  enable(queue: TestQueue, vector = NO_VECTOR): void {
    this.queueSize(queue.index);
    this.#bar.write32(LEGACY.QUEUE_ADDRESS, queue.address(0) / 4096);
    if (vector === NO_VECTOR) return;
    this.#bar.write16(LEGACY.QUEUE_MSIX_VECTOR, vector);
    this.#bar.read16(LEGACY.QUEUE_MSIX_VECTOR);
  }

  queueSize(index: number): number {
    this.#bar.write16(LEGACY.QUEUE_SELECT, index);
    return this.#bar.read16(LEGACY.QUEUE_SIZE);
  }

  kick(index: number): void {
    this.#bar.write16(LEGACY.QUEUE_NOTIFY, index);
  }

  config8(offset: number): number {
    return this.#bar.read8((this.#messages() ? 0x18 : 0x14) + offset);
  }

  config16(offset: number): number {
    return this.#bar.read16((this.#messages() ? 0x18 : 0x14) + offset);
  }

  configVector(vector: number): number {
    this.#bar.write16(LEGACY.CONFIG_MSIX_VECTOR, vector);
    return this.#bar.read16(LEGACY.CONFIG_MSIX_VECTOR);
  }

  causes(): number {
    return this.#bar.read8(LEGACY.ISR_STATUS);
  }
}
