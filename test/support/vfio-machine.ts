/** A machine with devices bound to vfio-pci, for tests of what VFIO makes of them. */
import { onTestFinished } from 'vitest';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { addon } from '../../src/native/addon.ts';
import { openPciDevice } from '../../src/pci/open-pci-device.ts';
import type { PciDevice } from '../../src/pci/pci-device.ts';
import { FakeSysfs } from './fake-sysfs.ts';
import { FakeVfio } from './fake-vfio.ts';

export const ADDRESS = '0000:03:00.0';
export const SECOND = '0000:04:00.0';
export const HUGE = 2 ** 21;

/** `ADDRESS` in IOMMU group 12, and `SECOND` in 13. */
export function machine(): FakeSysfs {
  const bound = { driver: 'vfio-pci', iommuType: 'DMA' };
  return new FakeSysfs().add(ADDRESS, { ...bound, iommuGroup: 12 }).add(SECOND, { ...bound, iommuGroup: 13 });
}

/** Closed at the test's end. */
export function open(vfio = new FakeVfio('12', '13'), address = ADDRESS, { sysfs } = machine()): PciDevice {
  const device = openPciDevice(address, { sysfs, devices: vfio.devices });
  onTestFinished(() => device.close());
  return device;
}

/** What the error of opening says, and its code. */
export function refusal(vfio: FakeVfio, fake = machine(), unsafeNoIommu = false): { code: string; message: string } {
  try {
    openPciDevice(ADDRESS, { sysfs: fake.sysfs, devices: vfio.devices, unsafeNoIommu }).close();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('the device was opened');
}

/** Memory of the machine that begins at a page, as huge pages do. */
export function pages(size: number, pageSize = HUGE): DmaMemory {
  const { MAP_ANONYMOUS, MAP_PRIVATE } = addon().constants;
  const buffer = addon().mmap(-1, size, 0, MAP_ANONYMOUS | MAP_PRIVATE);
  const free = () => addon().munmap(buffer);
  onTestFinished(free);
  return { buffer, size, pageSize, descriptor: -1, kind: 'huge', free };
}

/** The fields of a structure of the kernel's: numbers are 32 bits wide, BigInts 64. */
export function bytes(values: readonly (number | bigint)[]): Uint8Array {
  const parts = values.map((value) =>
    typeof value === 'bigint' ? new BigUint64Array([value]) : new Uint32Array([value]),
  );
  return new Uint8Array(Buffer.concat(parts.map(({ buffer }) => Buffer.from(buffer))));
}
