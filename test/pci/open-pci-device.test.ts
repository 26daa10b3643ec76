import { describe, expect, it } from 'vitest';
import type { IxyErrorCode } from '../../src/errors.ts';
import { openPciDevice } from '../../src/pci/open-pci-device.ts';
import { type FakeDevice, FakeSysfs } from '../support/fake-sysfs.ts';

const ADDRESS = '0000:03:00.0';

function refusal(device: FakeDevice, address = ADDRESS): { code: IxyErrorCode; message: string } {
  const fake = new FakeSysfs().add(ADDRESS, device).add('0000:00:1f.2', { classCode: 0x010601 });
  try {
    openPciDevice(address, { sysfs: fake.sysfs }).close();
  } catch (error) {
    return error as { code: IxyErrorCode; message: string };
  }
  throw new Error('the device was opened');
}

describe('openPciDevice', () => {
  it.each(['0000:03:00.0', '03:00.0'])('opens %s', (address) => {
    const device = openPciDevice(address, { sysfs: new FakeSysfs().add(ADDRESS).sysfs });
    expect(device).toMatchObject({ address: ADDRESS, vendorId: 0x8086, deviceId: 0x10fb, numaNode: 0 });
    device.close();
  });

  it.each<FakeDevice>([
    { driver: 'uio_pci_generic' },
    { driver: 'pci-stub' },
    { iommuGroup: 3, iommuType: 'identity' },
  ])('opens a device with %j', (device) => {
    openPciDevice(ADDRESS, { sysfs: new FakeSysfs().add(ADDRESS, device).sysfs }).close();
  });

  it('what is no PCI address', () => {
    expect(refusal({}, 'eth0')).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: "'eth0' must be a PCI address such as 0000:03:00.0",
    });
  });

  it('an address where nothing is, with those that there are', () => {
    expect(refusal({}, '0000:03:00.1')).toMatchObject({
      code: 'ERR_DEVICE_NOT_FOUND',
      message:
        '0000:03:00.1: no such PCI device; network controllers known: 0000:03:00.0; did you mean ' + "'0000:03:00.0'?",
    });
  });

  it('an address on a machine without network controllers', () => {
    expect(() => openPciDevice(ADDRESS, { sysfs: new FakeSysfs().sysfs })).toThrow(
      `${ADDRESS}: no such PCI device; there is no network controller`,
    );
  });

  it('a disk controller', () => {
    expect(refusal({}, '00:1f.2')).toMatchObject({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: '0000:00:1f.2 must be a network controller (class 02xxxx), found class 010601',
    });
  });

  it('a device that a kernel driver has, with the command that frees it and what that costs', () => {
    expect(refusal({ driver: 'ixgbe', interfaces: ['net/eth0', 'net/eth1'] })).toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      message:
        '0000:03:00.0 is bound to ixgbe; run: ixy bind 0000:03:00.0 uio_pci_generic ' +
        '(the system loses eth0, eth1 by that)',
    });
    expect(refusal({ driver: 'ixgbe', iommuGroup: 12 }).message).toContain('run: ixy bind 0000:03:00.0 vfio-pci');
  });

  it.each(['DMA', 'DMA-FQ'])('a device behind an IOMMU of type %s, with the ways around it', (iommuType) => {
    expect(refusal({ iommuGroup: 12, iommuType })).toMatchObject({
      code: 'ERR_DMA_UNMAPPED',
      message: expect.stringMatching(
        /ixy bind 0000:03:00.0 vfio-pci.*: echo identity \| sudo tee .*\/iommu_groups\/12\/type/,
      ),
    });
  });

  it('a device that VFIO has on a machine without an IOMMU', () => {
    expect(refusal({ driver: 'vfio-pci' })).toMatchObject({
      code: 'ERR_DMA_UNMAPPED',
      message:
        '0000:03:00.0 is bound to vfio-pci, but no IOMMU is on; switch it on in the firmware (VT-d, AMD-Vi) and boot ' +
        'with intel_iommu=on',
    });
  });

  it('a device that does not answer', () => {
    expect(refusal({ command: 0xffff })).toMatchObject({ code: 'ERR_DEVICE_GONE' });
  });
});
