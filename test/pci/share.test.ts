/** Real devices in other threads, and what goes with them. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import type { SharedDevice } from '../../src/pci/device-share.ts';
import { duplicateDescriptor } from '../../src/pci/duplicate-descriptor.ts';
import { openPciDevice } from '../../src/pci/open-pci-device.ts';
import type { PciDevice } from '../../src/pci/pci-device.ts';
import { attachSysfsDevice, type SysfsShare } from '../../src/pci/sysfs-bars.ts';
import { attachVfioDevice, type VfioShare } from '../../src/pci/vfio/bars.ts';
import { FakeSysfs } from '../support/fake-sysfs.ts';
import { FakeVfio } from '../support/fake-vfio.ts';
import { openDescriptors } from '../support/process.ts';
import { open as openVfio } from '../support/vfio-machine.ts';

const ADDRESS = '0000:03:00.0';
const closed = expect.objectContaining({ code: 'ERR_CLOSED' });

function openSysfs(): PciDevice {
  const fake = new FakeSysfs().add(ADDRESS);
  const device = openPciDevice(ADDRESS, { sysfs: fake.sysfs, devices: fake.root });
  onTestFinished(() => device.close());
  return device;
}

describe.each([
  {
    way: 'sysfs',
    open: openSysfs,
    attach: ({ data }: SharedDevice) => attachSysfsDevice(structuredClone(data) as SysfsShare),
  },
  {
    way: 'VFIO',
    open: (): PciDevice => openVfio(new FakeVfio('12')),
    attach: ({ data }: SharedDevice) => attachVfioDevice(structuredClone(data) as VfioShare),
  },
])('a device behind $way, in another thread', ({ open, attach }) => {
  const shareOf = (device: PciDevice): SharedDevice => {
    if (!device.share) throw new Error('it cannot be shared');
    return device.share();
  };

  it('has the same registers and doorbells', () => {
    const device = open();
    const attached = attach(shareOf(device));
    onTestFinished(() => attached.close());
    device.bar(0).write32(0x42a4, 0x8000_0001);
    expect([attached.address, attached.bar(0).size]).toEqual([device.address, device.bar(0).size]);
    expect(attached.bar(0).read32(0x42a4)).toBe(0x8000_0001);
    attached.bar(0).doorbells[0x6018 >> 2] = 511;
    expect(device.bar(0).read32(0x6018)).toBe(511);
  });

  it('is closed there without being closed here, and the other way round', () => {
    const device = open();
    const [first, second] = [attach(shareOf(device)), attach(shareOf(device))];
    const [bar, other] = [first.bar(0), second.bar(0)];
    first.close();
    first.close();
    expect(() => bar.read32(0)).toThrow(closed);
    expect(() => first.bar(0)).toThrow(closed);
    device.bar(0).write32(0x100, 7);
    device.close();
    expect(other.read32(0x100)).toBe(7); // the mapping is this thread's own
    expect(() => shareOf(device)).toThrow(closed);
    second.close();
  });
});

describe('a duplicated descriptor', () => {
  it('is another one for the same thing, and outlives the first', () => {
    const { EFD_CLOEXEC, EFD_NONBLOCK } = addon().constants;
    const before = openDescriptors();
    const event = addon().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const copy = duplicateDescriptor(event);
    expect(copy).not.toBe(event);
    addon().write(event, Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0), 0, 8);
    addon().close(event);
    const counter = new Uint8Array(8);
    expect([addon().read(copy, counter, 0, 8), counter[0]]).toEqual([8, 5]);
    addon().close(copy);
    expect(openDescriptors()).toBe(before);
  });
});
