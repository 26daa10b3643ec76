/**
 * How a virtio driver reaches its device (virtio 1.2, chapter 4). The rings and the network driver know only this; PCI, in
 * its legacy and its modern form, is one way, and a Unix socket may be another.
 */
import type { FeatureSet } from '../../datasheet/virtio/features.ts';
import type { DmaDomain } from '../../memory/dma-memory.ts';
import type { SharedDevice } from '../../pci/device-share.ts';
import type { DeviceClock, Interrupt, InterruptKind } from '../../pci/pci-device.ts';

/** Device addresses of a queue's three parts (2.6): for packed rings the last two are event suppression structures. */
export interface QueueAddresses {
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
}

export interface QueueSetup {
  /** Descriptors; at most what `queueSize` says, and exactly that on transports with `fixedQueueSize`. */
  readonly size: number;
  readonly addresses: QueueAddresses;
  /** The interrupt vector that tells of used buffers; undefined for none. */
  readonly vector?: number | undefined;
}

/** A queue's doorbell, which takes the queue's index in 16 bits. */
export interface DoorbellPlace {
  readonly bar: number;
  /** Bytes from the BAR's begin. */
  readonly offset: number;
}

/** Interrupts as the transport has them; see `PciInterrupts`. */
export interface TransportInterrupts {
  readonly kind: InterruptKind;
  readonly maximum: number;
  enable(vectors: number): readonly Interrupt[];
  disable(): void;
  /** INTx and legacy: reads, and by that clears, why it interrupted (`ISR_…` bits). With messages there is nothing to read. */
  readCause(): number;
}

/**
 * A device, before and after initialisation. Calls throw `ERR_DEVICE_GONE` once it does not answer any more. Waits are
 * bounded. Whoever made the transport closes it.
 */
export interface VirtioTransport {
  /** Begins every message about the device. */
  readonly address: string;
  /** 'legacy' devices know neither FEATURES_OK nor VERSION_1, fix their queues' sizes, and have one ring layout (2.7.2). */
  readonly kind: 'legacy' | 'modern';
  readonly fixedQueueSize: boolean;
  readonly numaNode: number;
  readonly dma: DmaDomain;
  readonly clock: DeviceClock;
  readonly interrupts: TransportInterrupts | undefined;

  /** What the device offers. */
  deviceFeatures(): FeatureSet;
  /** Tells the device what the driver accepts. */
  acceptFeatures(features: FeatureSet): void;

  /** The device status field (`STATUS_…`, 2.1). */
  readStatus(): number;
  /** Adds bits to the status; 0 is what `reset` writes. */
  addStatus(bits: number): void;
  /** Resets the device and waits until it says so (4.1.4.3.1), at most 1 s; throws `ERR_TIMEOUT`. */
  reset(): Promise<void>;
  /** The same, blocking, for `close`; at most 100 ms. */
  resetBlocking(): void;

  /** Reads `bytes` (1, 2, 4) of the device's configuration at `offset`; little-endian, unsigned. 0 beyond its end. */
  readConfig(offset: number, bytes: 1 | 2 | 4): number;
  /** Reads `length` bytes that belong together, again until the device has not changed them meanwhile (2.5.1). */
  readConfigBytes(offset: number, length: number): Uint8Array;
  /** Writes one byte of the device's configuration; for what legacy drivers may write. */
  writeConfig8(offset: number, value: number): void;

  /** Queues that the device has; on legacy devices, those below 64 that exist. */
  readonly queueCount: number;
  /** Most descriptors of queue `index`; 0 if there is no such queue. */
  queueSize(index: number): number;
  /**
   * Gives the device a queue, and enables it. Throws `ERR_DEVICE_UNSUPPORTED` if it has no room for the interrupt vector
   * (NO_VECTOR read back). Returns what rings the queue's doorbell, for as long as the device is set up.
   */
  setUpQueue(index: number, setup: QueueSetup): () => void;
  /**
   * With RING_RESET: takes a queue from the device (2.6.1), and it may be set up again. Blocks, at most 100 ms; throws
   * `ERR_TIMEOUT`, and `ERR_DEVICE_UNSUPPORTED` if the device has no room for it.
   */
  resetQueue(index: number): void;
  /** Where that queue's doorbell is, for other threads. Throws like `setUpQueue`. */
  doorbellOf(index: number): DoorbellPlace;
  /** Makes the device reachable for another thread; undefined if none can reach it. */
  readonly share: (() => SharedDevice) | undefined;
  /** Which vector tells of configuration changes; undefined for none. Throws like `setUpQueue`. */
  setConfigVector(vector: number | undefined): void;

  /** Registers by the specification's names, for people; reading them disturbs nothing. Empty where there are none. */
  registers(): Record<string, number>;

  /** Allows or forbids DMA. */
  setBusMaster(enabled: boolean): void;
  /** Interrupts off, DMA off, device released. The device should have been reset. Idempotent. */
  close(): void;
}
