/**
 * The one interface between drivers and devices. The same driver runs, unchanged, on each implementation of it: sysfs,
 * the emulated NICs, and whatever comes later.
 */
import type { DmaDomain } from '../memory/dma-memory.ts';
import type { SharedDevice } from './device-share.ts';

/** PCI configuration space; offsets in bytes, values unsigned, little-endian as PCI has them. */
export interface PciConfigSpace {
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  write32(offset: number, value: number): void;
}

/**
 * The registers behind one BAR, be it memory or I/O ports. Offsets are in bytes, multiples of the access's width; values are
 * unsigned. The accesses narrower than 32 bits are for devices that have such registers: others (the 82599, say) throw
 * `ERR_ARGUMENT`.
 */
export interface RegisterFile {
  /** Bytes in the BAR. */
  readonly size: number;
  read8(offset: number): number;
  read16(offset: number): number;
  write8(offset: number, value: number): void;
  write16(offset: number, value: number): void;
  /** Reads a 32-bit register by byte offset (multiple of 4), with all its side effects; unsigned. */
  read32(offset: number): number;
  /** Writes a 32-bit register by byte offset. Ordered after every earlier store to DMA memory. */
  write32(offset: number, value: number): void;
  /**
   * For doorbells only (registers that are written, never read, by the hot path: RX and TX tails): the BAR as int32.
   * A plain store here reaches the device like `write32`, after all earlier stores to DMA memory: V8 emits stores to typed
   * arrays in program order, and so does an x86 CPU. `Atomics.store` is not for doorbells: on x86 it is an exchange, which
   * on a real BAR reads the register first and locks the bus. Loads from this array have no defined value. Empty for I/O
   * ports, which are no memory.
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

/** How a device interrupts. INTx is one line, shared and level-triggered; MSI and MSI-X are messages, one per vector. */
export type InterruptKind = 'msix' | 'msi' | 'intx';

/** An interrupt vector. Both ways of waiting take notice of what has fired before: no interrupt is lost between two waits. */
export interface Interrupt {
  /** MSI and MSI-X: the eventfd that it arrives at, where there is one; its number is good for all threads of the process. */
  readonly descriptor?: number;
  /**
   * Waits for the interrupt and blocks this thread, for at most `milliseconds` (−1: for ever); whether it has fired since
   * the last wait. A signal may end the wait early. A handler is not called for what a wait takes notice of.
   */
  wait(milliseconds: number): boolean;
  /** Calls `handler` from the event loop each time it has fired, once for all that came since; undefined ends that. */
  handle(handler: (() => void) | undefined): void;
  /** Whether the handler keeps the event loop, and so the process, from ending. Default false. */
  keepAlive(enabled: boolean): void;
  /** INTx masks itself when it fires, and must be unmasked once the device has withdrawn its cause. Else does nothing. */
  unmask(): void;
}

export interface PciInterrupts {
  readonly kind: InterruptKind;
  /** Vectors that the device has, 1 … 2048. */
  readonly maximum: number;
  /**
   * Switches vectors 0 … `vectors` − 1 on. They are enabled together and once; `disable` comes before another number.
   * Throws `ERR_ARGUMENT`, `ERR_SYSTEM`.
   */
  enable(vectors: number): readonly Interrupt[];
  /** Switches all off and ends all waiting. Idempotent; `PciDevice.close` does it too. */
  disable(): void;
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
  /** Absent where the device, or the way it is reached, has none: it must be polled. */
  readonly interrupts?: PciInterrupts | undefined;
  /** Registers of BAR `index`, mapped at the first call. */
  bar(index: number): RegisterFile;
  /** Makes the device's registers reachable for another thread. Absent where only the thread that opened it can reach it. */
  readonly share?: (() => SharedDevice) | undefined;
  /** Allows or forbids DMA (PCI command register, bus master enable). */
  setBusMaster(enabled: boolean): void;
  /** Releases mappings and descriptors; bus mastering is off afterwards. Idempotent. */
  close(): void;
}

/** PCI command register and its bits (PCI Local Bus Specification 3.0, section 6.2.2). */
export const PCI_COMMAND = 0x04;
export const PCI_COMMAND_IO = 1 << 0;
export const PCI_COMMAND_MEMORY = 1 << 1;
export const PCI_COMMAND_BUS_MASTER = 1 << 2;
export const PCI_COMMAND_INTX_DISABLE = 1 << 10;
