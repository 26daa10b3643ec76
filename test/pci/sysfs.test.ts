import { describe, expect, it } from 'vitest';
import { Sysfs } from '../../src/pci/sysfs.ts';
import { FakeSysfs } from '../support/fake-sysfs.ts';
import { temporaryDirectory } from '../support/process.ts';

describe('Sysfs', () => {
  it('tells all about a device', () => {
    const fake = new FakeSysfs().add('0000:03:00.0', {
      driver: 'ixgbe',
      iommuGroup: 12,
      iommuType: 'DMA-FQ',
      numaNode: 1,
      interfaces: ['net/eth1', 'net/eth0'],
    });
    expect(fake.sysfs.device('0000:03:00.0')).toEqual({
      address: '0000:03:00.0',
      vendorId: 0x8086,
      deviceId: 0x10fb,
      classCode: 0x020000,
      driver: 'ixgbe',
      iommuGroup: { number: 12, type: 'DMA-FQ' },
      numaNode: 1,
      interfaces: ['eth0', 'eth1'],
    });
  });

  it('says what is not there', () => {
    const fake = new FakeSysfs().add('0000:03:00.0', { numaNode: -1 });
    expect(fake.sysfs.device('0000:03:00.0')).toMatchObject({
      driver: undefined,
      iommuGroup: undefined,
      numaNode: -1,
      interfaces: [],
    });
  });

  it('finds the interfaces of a virtio device one floor down', () => {
    const fake = new FakeSysfs().add('0000:00:03.0', { vendorId: 0x1af4, interfaces: ['virtio0/net/ens3'] });
    expect(fake.sysfs.device('0000:00:03.0').interfaces).toEqual(['ens3']);
  });

  it('lists network controllers of any kind, in order, and nothing else', () => {
    const fake = new FakeSysfs()
      .add('0000:04:00.0', { classCode: 0x028000 })
      .add('0000:03:00.1')
      .add('0000:00:1f.2', { classCode: 0x010601 });
    expect(fake.sysfs.addresses()).toEqual(['0000:00:1f.2', '0000:03:00.1', '0000:04:00.0']);
    expect(fake.sysfs.networkDevices().map((info) => info.address)).toEqual(['0000:03:00.1', '0000:04:00.0']);
  });

  it('of a machine without PCI is empty', () => {
    expect(new Sysfs(temporaryDirectory()).networkDevices()).toEqual([]);
  });
});
