/** A PciDevice that passes everything on: what tests extend to interfere, and hardware that outlives its driver. */
import type { DmaDomain } from '../../src/memory/dma-memory.ts';
import type { DeviceClock, PciConfigSpace, PciDevice, PciInterrupts, RegisterFile } from '../../src/pci/pci-device.ts';

export class WrappedDevice implements PciDevice {
  readonly inner: PciDevice;
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode: number;
  readonly config: PciConfigSpace;
  readonly dma: DmaDomain;
  readonly clock: DeviceClock;
  readonly interrupts: PciInterrupts | undefined;

  constructor(inner: PciDevice) {
    this.inner = inner;
    this.address = inner.address;
    this.vendorId = inner.vendorId;
    this.deviceId = inner.deviceId;
    this.numaNode = inner.numaNode;
    this.config = inner.config;
    this.dma = inner.dma;
    this.clock = inner.clock;
    this.interrupts = inner.interrupts;
  }

  bar(index: number): RegisterFile {
    return this.inner.bar(index);
  }

  setBusMaster(enabled: boolean): void {
    this.inner.setBusMaster(enabled);
  }

  /** As a card that stays in its slot when its driver lets go of it. */
  close(): void {
    this.inner.setBusMaster(false);
  }
}
