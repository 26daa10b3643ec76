/** What the modern and the legacy interface of virtio over PCI have in common (virtio 1.2, section 4.1). */
import type { FeatureSet } from '../../../datasheet/virtio/features.ts';
import { NO_VECTOR } from '../../../datasheet/virtio/pci.ts';
import { IxyError, systemErrorCode } from '../../../errors.ts';
import { hexadecimal } from '../../../hexadecimal.ts';
import type { DmaDomain } from '../../../memory/dma-memory.ts';
import type { SharedDevice } from '../../../pci/device-share.ts';
import { type DeviceClock, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, type PciDevice } from '../../../pci/pci-device.ts';
import { ReleaseStack } from '../../release-stack.ts';
import type { DoorbellPlace, QueueSetup, TransportInterrupts, VirtioTransport } from '../transport.ts';

const RESET_MILLISECONDS = 1000;
const BLOCKING_RESET_MILLISECONDS = 100;
const RESET_LOOK_MILLISECONDS = 1;
/** A status of all bits is none: it is what the bus gives where no device answers. */
const NOBODY = 0xff;
/** Times that a configuration may change while it is read. */
const CONFIG_ATTEMPTS = 64;
/** How the kernel says that a device behind a file has gone, and how a device does that another process serves. */
const GONE_CODES = ['EIO', 'ENODEV', 'ENXIO', 'ERR_DEVICE_GONE'];

export abstract class PciTransport implements VirtioTransport {
  abstract readonly kind: 'legacy' | 'modern';
  abstract readonly fixedQueueSize: boolean;
  abstract readonly queueCount: number;
  readonly address: string;
  readonly numaNode: number;
  readonly dma: DmaDomain;
  readonly clock: DeviceClock;
  protected readonly device: PciDevice;
  #status = 0;
  #closed = false;

  constructor(device: PciDevice) {
    this.address = device.address;
    this.numaNode = device.numaNode;
    this.dma = device.dma;
    this.clock = device.clock;
    this.device = device;
    allowInterruptLine(device, false);
  }

  abstract readonly interrupts: TransportInterrupts | undefined;
  abstract deviceFeatures(): FeatureSet;
  abstract acceptFeatures(features: FeatureSet): void;
  abstract readConfig(offset: number, bytes: 1 | 2 | 4): number;
  abstract writeConfig8(offset: number, value: number): void;
  abstract queueSize(index: number): number;
  abstract setUpQueue(index: number, setup: QueueSetup): () => void;
  abstract resetQueue(index: number): void;
  abstract doorbellOf(index: number): DoorbellPlace;
  abstract setConfigVector(vector: number | undefined): void;
  abstract registers(): Record<string, number>;

  protected abstract loadStatus(): number;
  protected abstract storeStatus(status: number): void;
  /** A number that changes with the configuration; legacy devices have none. */
  protected abstract configGeneration(): number | undefined;

  readStatus(): number {
    const status = this.#loadStatusIfThere();
    if (status !== NOBODY) return status;
    throw this.#gone();
  }

  addStatus(bits: number): void {
    this.#status |= bits;
    this.#storeStatusIfThere();
  }

  async reset(): Promise<void> {
    const end = this.#beginReset(RESET_MILLISECONDS);
    while (!this.#isReset(end, RESET_MILLISECONDS)) await this.clock.sleep(RESET_LOOK_MILLISECONDS);
  }

  resetBlocking(): void {
    const end = this.#beginReset(BLOCKING_RESET_MILLISECONDS);
    while (!this.#isReset(end, BLOCKING_RESET_MILLISECONDS)) this.clock.pause(RESET_LOOK_MILLISECONDS);
  }

  readConfigBytes(offset: number, length: number): Uint8Array {
    const read = (): Uint8Array => Uint8Array.from({ length }, (_, i) => this.readConfig(offset + i, 1));
    let before = this.configGeneration();
    let bytes = read();
    for (let attempt = 0; attempt < CONFIG_ATTEMPTS; attempt++) {
      const after = this.configGeneration();
      if (after !== undefined && after === before) return bytes;
      const again = read();
      // Without a generation, reading the same twice is the best there is (2.5.4).
      if (after === undefined && again.every((byte, i) => byte === bytes[i])) return bytes;
      before = after;
      bytes = again;
    }
    throw new IxyError(
      'ERR_DEVICE_FAILED',
      `${this.address}: the device's configuration changed ${CONFIG_ATTEMPTS} times while it was read`,
    );
  }

  setBusMaster(enabled: boolean): void {
    this.device.setBusMaster(enabled);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const steps = new ReleaseStack();
    steps.push(() => this.device.close());
    steps.push(() => this.device.setBusMaster(false));
    steps.push(() => this.interrupts?.disable());
    steps.release();
  }

  get share(): (() => SharedDevice) | undefined {
    return this.device.share?.bind(this.device);
  }

  /** Makes a doorbell of a register's write. Where registers are files, that fails once the device has gone. */
  protected doorbell(write: () => void): () => void {
    return () => {
      try {
        write();
      } catch (error) {
        // Bursts never throw; the next look at the status finds it out.
        if (!isRemoval(error)) throw error;
      }
    };
  }

  /** Sees to it that what was read back from a vector register is what was written (4.1.5.1.2.2). */
  protected checkVector(what: string, wanted: number, found: number): void {
    if (found === wanted) return;
    const shown = found === NO_VECTOR ? 'none' : String(found);
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${this.address}: the device has no room for interrupt vector ${wanted} of ${what}, found ${shown}; ` +
        'open it with fewer queues, or with interrupts: false',
    );
  }

  /** Throws `ERR_DEVICE_UNSUPPORTED` unless the device has queue `index` and may be given `size` descriptors in it. */
  protected checkQueue(index: number, size: number): void {
    const maximum = this.queueSize(index);
    if (this.fixedQueueSize ? size === maximum : size <= maximum) return;
    throw new IxyError(
      'ERR_DEVICE_UNSUPPORTED',
      `${this.address}: queue ${index} has ${maximum} descriptors, wanted ${size}`,
    );
  }

  #loadStatusIfThere(): number {
    try {
      return this.loadStatus();
    } catch (error) {
      if (!isRemoval(error) || error instanceof IxyError) throw error;
      return NOBODY;
    }
  }

  #storeStatusIfThere(): void {
    try {
      this.storeStatus(this.#status);
    } catch (error) {
      throw isRemoval(error) && !(error instanceof IxyError) ? this.#gone() : error;
    }
  }

  #gone(): IxyError {
    return new IxyError('ERR_DEVICE_GONE', `${this.address}: the device does not answer any more; was it removed?`);
  }

  #beginReset(milliseconds: number): number {
    this.#status = 0;
    this.#storeStatusIfThere();
    return this.clock.now() + milliseconds;
  }

  #isReset(end: number, milliseconds: number): boolean {
    // Looked at before the status: the last look is one after the end, even if this process was kept from looking in time.
    const late = this.clock.now() >= end;
    const status = this.readStatus();
    if (status === 0) return true;
    if (!late) return false;
    throw new IxyError(
      'ERR_TIMEOUT',
      `${this.address}: status must be 0 after a reset, found ${hexadecimal(status)} after ${milliseconds} ms`,
    );
  }
}

/**
 * Whether the device may pull its interrupt line. Where nobody listens it must not: a configuration change would
 * interrupt for ever, and the kernel would switch the line off, also for others that share it.
 */
export function allowInterruptLine({ config }: PciDevice, allowed: boolean): void {
  const others = config.read16(PCI_COMMAND) & ~PCI_COMMAND_INTX_DISABLE;
  config.write16(PCI_COMMAND, allowed ? others : others | PCI_COMMAND_INTX_DISABLE);
}

/** Whether an access to registers failed because the device behind them has gone. */
export function isRemoval(error: unknown): boolean {
  return GONE_CODES.includes(systemErrorCode(error) ?? '');
}
