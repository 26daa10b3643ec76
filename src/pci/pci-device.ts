/**
 * The one interface between drivers and devices. The same driver runs, unchanged, on each implementation of it: sysfs,
 * the emulated NICs, and whatever comes later.
 */
import type { DmaDomain } from '../memory/dma-memory.ts';

/** PCI configuration space; offsets in bytes, values unsigned, little-endian as PCI has them. */
export interface PciConfigSpace {
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
}

/** The registers behind one memory BAR. */
export interface RegisterFile {
  /** Bytes in the BAR. */
  readonly size: number;
  /** Reads a 32-bit register by byte offset (multiple of 4), with all its side effects; unsigned. */
  read32(offset: number): number;
  /** Writes a 32-bit register by byte offset. Ordered after every earlier store to DMA memory. */
  write32(offset: number, value: number): void;
  /**
   * For doorbells only (registers that are written, never read, by the hot path: RX and TX tails): the BAR as int32.
   * A plain store here reaches the device like `write32`, after all earlier stores to DMA memory: V8 emits stores to typed
   * arrays in program order, and so does an x86 CPU. `Atomics.store` is not for doorbells: on x86 it is an exchange, which
   * on a real BAR reads the register first and locks the bus. Loads from this array have no defined value.
   */
  readonly doorbells: Int32Array;
}

/** Time as the device sees it: the machine's, or a model's own, which makes waits in tests exact and instant. */
export interface DeviceClock {
  /** Milliseconds from an arbitrary start; monotonic. */
  now(): number;
  /** Waits `milliseconds` without blocking the event loop. */
  sleep(milliseconds: number): Promise<void>;
  /** Waits `milliseconds` and blocks; for close(), which must work in exit handlers. */
  pause(milliseconds: number): void;
}

export interface PciDevice {
  /** How people name it: '0000:03:00.0', or 'emulated:…'. Begins every error message about it. */
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  /** NUMA node whose memory is nearest, or −1. */
  readonly numaNode: number;
  readonly config: PciConfigSpace;
  /** The address space this device does DMA in; devices of one kind in a process share one. */
  readonly dma: DmaDomain;
  readonly clock: DeviceClock;
  /** Registers of memory BAR `index`, mapped at the first call. */
  bar(index: number): RegisterFile;
  /** Allows or forbids DMA (PCI command register, bus master enable). */
  setBusMaster(enabled: boolean): void;
  /** Releases mappings and descriptors; bus mastering is off afterwards. Idempotent. */
  close(): void;
}

/** PCI command register and its bits (PCI Local Bus Specification 3.0, section 6.2.2). */
export const PCI_COMMAND = 0x04;
export const PCI_COMMAND_MEMORY = 1 << 1;
export const PCI_COMMAND_BUS_MASTER = 1 << 2;
