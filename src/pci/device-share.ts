/**
 * A device in a thread that did not open it: for registers and doorbells only. It never closes or resets the device,
 * and maps no memory for it: that stays with the thread that opened it, which lends and takes back.
 */
import type { DeviceClock, RegisterFile } from './pci-device.ts';

/** How another thread of this process reaches a device: plain data, to be sent there. Each kind of device adds its own. */
export interface DeviceShare {
  /** Which function attaches it there. */
  readonly kind: string;
  /** `PciDevice.address`. */
  readonly address: string;
}

/** What `PciDevice.share` made, for one thread at a time. */
export interface SharedDevice {
  readonly data: DeviceShare;
  /** Whoever attached it has ended, or will not use it any more. Idempotent; never throws. */
  release(): void;
}

/** A device, as the thread that it is lent to has it. */
export interface AttachedDevice {
  readonly address: string;
  readonly clock: DeviceClock;
  /**
   * As `PciDevice.bar`. Accesses throw `ERR_CLOSED` or `ERR_DEVICE_GONE` where they notice that the device has been
   * closed.
   */
  bar(index: number): RegisterFile;
  /** Gives back what this thread has of it. The device itself goes on. Idempotent. */
  close(): void;
}
