/** The legacy interface of virtio over PCI: registers in BAR 0, mostly I/O ports (virtio 1.2, section 4.1.4.10). */
import type { FeatureSet } from '../../../datasheet/virtio/features.ts';
import { LEGACY, LEGACY_CONFIG, LEGACY_CONFIG_MSIX, LEGACY_PAGE, NO_VECTOR } from '../../../datasheet/virtio/pci.ts';
import { IxyError } from '../../../errors.ts';
import { hexadecimal } from '../../../hexadecimal.ts';
import type { PciDevice, RegisterFile } from '../../../pci/pci-device.ts';
import type { DoorbellPlace, QueueSetup, TransportInterrupts } from '../transport.ts';
import { capabilities } from './capabilities.ts';
import { PciTransportInterrupts } from './interrupts.ts';
import { PciTransport } from './transport.ts';

const MSIX_CAPABILITY = 0x11;
const MSIX_CONTROL = 2;
const MSIX_ENABLE = 1 << 15;
/** Queues are asked for one by one; network devices without the modern interface have no more than this. */
const MAXIMUM_QUEUES = 64;
/** Queue addresses are pages in 32 bits. */
const ADDRESS_LIMIT = 2 ** 32 * LEGACY_PAGE;

export class LegacyTransport extends PciTransport {
  readonly kind = 'legacy';
  readonly fixedQueueSize = true;
  readonly interrupts: TransportInterrupts | undefined;
  readonly queueCount: number;
  readonly #registers: RegisterFile;

  /** Throws `ERR_DEVICE_UNSUPPORTED` if BAR 0 has no room for the registers. */
  constructor(device: PciDevice) {
    super(device);
    const registers = device.bar(0);
    if (registers.size < LEGACY_CONFIG_MSIX) {
      throw new IxyError(
        'ERR_DEVICE_UNSUPPORTED',
        `${device.address}: BAR 0 must have ${LEGACY_CONFIG_MSIX} bytes for the legacy interface, found ${registers.size}`,
      );
    }
    this.#registers = registers;
    this.interrupts = PciTransportInterrupts.of(device, () => registers.read8(LEGACY.ISR_STATUS));
    let count = 0;
    while (count < MAXIMUM_QUEUES && this.queueSize(count) > 0) count++;
    this.queueCount = count;
  }

  deviceFeatures(): FeatureSet {
    return { low: this.#registers.read32(LEGACY.DEVICE_FEATURES), high: 0 };
  }

  acceptFeatures({ low }: FeatureSet): void {
    this.#registers.write32(LEGACY.DRIVER_FEATURES, low);
  }

  readConfig(offset: number, bytes: 1 | 2 | 4): number {
    const at = this.#configOffset() + offset;
    if (at + bytes > this.#registers.size) return 0;
    if (bytes === 1) return this.#registers.read8(at);
    return bytes === 2 ? this.#registers.read16(at) : this.#registers.read32(at);
  }

  writeConfig8(offset: number, value: number): void {
    const at = this.#configOffset() + offset;
    if (at < this.#registers.size) this.#registers.write8(at, value);
  }

  queueSize(index: number): number {
    this.#registers.write16(LEGACY.QUEUE_SELECT, index);
    return this.#registers.read16(LEGACY.QUEUE_SIZE);
  }

  /** The address comes last: it is what enables the queue. */
  setUpQueue(index: number, { size, addresses, vector }: QueueSetup): () => void {
    const registers = this.#registers;
    this.checkQueue(index, size);
    if (addresses.descriptors % LEGACY_PAGE !== 0 || addresses.descriptors >= ADDRESS_LIMIT) {
      throw new IxyError(
        'ERR_DMA_UNMAPPED',
        `${this.address}: queues of a legacy device must begin at a page below 16 TiB, found ${hexadecimal(addresses.descriptors)}`,
      );
    }
    registers.write16(LEGACY.QUEUE_SELECT, index);
    if (vector !== undefined) {
      registers.write16(LEGACY.QUEUE_MSIX_VECTOR, vector);
      this.checkVector(`queue ${index}`, vector, registers.read16(LEGACY.QUEUE_MSIX_VECTOR));
    }
    registers.write32(LEGACY.QUEUE_ADDRESS, addresses.descriptors / LEGACY_PAGE);
    return this.doorbell(() => registers.write16(LEGACY.QUEUE_NOTIFY, index));
  }

  resetQueue(index: number): void {
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${this.address}: the legacy interface gives no queue back before the device is reset, found a wish for ${index}`,
    );
  }

  /** One for all queues. */
  doorbellOf(_index: number): DoorbellPlace {
    return { bar: 0, offset: LEGACY.QUEUE_NOTIFY };
  }

  setConfigVector(vector: number | undefined): void {
    if (!this.#messagesEnabled()) return;
    this.#registers.write16(LEGACY.CONFIG_MSIX_VECTOR, vector ?? NO_VECTOR);
    if (vector === undefined) return;
    this.checkVector('configuration changes', vector, this.#registers.read16(LEGACY.CONFIG_MSIX_VECTOR));
  }

  /** All but ISR_STATUS, which reading clears; those of queues as 'QUEUE_SIZE[2]'. */
  registers(): Record<string, number> {
    const registers = this.#registers;
    const values: Record<string, number> = {
      DEVICE_FEATURES: registers.read32(LEGACY.DEVICE_FEATURES),
      DRIVER_FEATURES: registers.read32(LEGACY.DRIVER_FEATURES),
      DEVICE_STATUS: registers.read8(LEGACY.DEVICE_STATUS),
    };
    const messages = this.#messagesEnabled();
    if (messages) values.CONFIG_MSIX_VECTOR = registers.read16(LEGACY.CONFIG_MSIX_VECTOR);
    for (let index = 0; index < this.queueCount; index++) {
      values[`QUEUE_SIZE[${index}]`] = this.queueSize(index);
      values[`QUEUE_ADDRESS[${index}]`] = registers.read32(LEGACY.QUEUE_ADDRESS);
      if (messages) values[`QUEUE_MSIX_VECTOR[${index}]`] = registers.read16(LEGACY.QUEUE_MSIX_VECTOR);
    }
    return values;
  }

  protected loadStatus(): number {
    return this.#registers.read8(LEGACY.DEVICE_STATUS);
  }

  protected storeStatus(status: number): void {
    this.#registers.write8(LEGACY.DEVICE_STATUS, status);
  }

  protected configGeneration(): undefined {
    return undefined;
  }

  #configOffset(): number {
    return this.#messagesEnabled() ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG;
  }

  /** Whether MSI-X is on, which moves the device's configuration; the kernel is who switches it. */
  #messagesEnabled(): boolean {
    const { config } = this.device;
    const [at] = capabilities(config, MSIX_CAPABILITY);
    return at !== undefined && (config.read16(at + MSIX_CONTROL) & MSIX_ENABLE) !== 0;
  }
}
