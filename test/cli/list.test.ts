import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listDevices, listText } from '../../src/cli/list.ts';
import { PciIds } from '../../src/pci/pci-ids.ts';
import { FakeSysfs } from '../support/fake-sysfs.ts';
import { temporaryDirectory } from '../support/process.ts';
import { ixy } from './command.ts';

function names(): PciIds {
  const file = join(temporaryDirectory(), 'pci.ids');
  writeFileSync(
    file,
    '8086  Intel Corporation\n\t10fb  82599ES Connection\n1af4  Red Hat, Inc.\n\t1041  Virtio network\n',
  );
  return new PciIds([file]);
}

describe('ixy list', () => {
  it('shows all network devices, and what is in the way of using them', () => {
    const { sysfs } = new FakeSysfs()
      .add('0000:01:00.0', { classCode: 0x010802 })
      .add('0000:03:00.0')
      .add('0000:03:00.1', { driver: 'ixgbe', interfaces: ['net/eth1'], iommuGroup: 12, iommuType: 'DMA' })
      .add('0000:04:00.0', { vendorId: 0x1af4, deviceId: 0x1041, driver: 'virtio-pci', numaNode: -1 })
      .add('0000:05:10.0', { deviceId: 0x10ed })
      .add('0000:06:00.0', { deviceId: 0x1234 });
    const devices = listDevices(sysfs, names());
    expect(devices).toMatchObject([
      {
        address: '0000:03:00.0',
        id: '8086:10fb',
        vendor: 'Intel Corporation',
        device: '82599ES Connection',
        driver: null,
        iommuGroup: null,
        numaNode: 0,
        supportedBy: 'ixgbe',
        obstacle: null,
      },
      {
        address: '0000:03:00.1',
        driver: 'ixgbe',
        interfaces: ['eth1'],
        iommuGroup: 12,
        supportedBy: 'ixgbe',
        obstacle: expect.stringContaining('run: ixy bind 0000:03:00.1 vfio-pci (the system loses eth1'),
      },
      {
        address: '0000:04:00.0',
        id: '1af4:1041',
        device: 'Virtio network',
        numaNode: null,
        supportedBy: 'virtio',
        obstacle: expect.stringContaining('is bound to virtio-pci; run: ixy bind 0000:04:00.0'),
      },
      { address: '0000:05:10.0', supportedBy: null, obstacle: expect.stringContaining('virtual function') },
      { address: '0000:06:00.0', supportedBy: null, obstacle: null },
    ]);
    const text = listText(devices);
    expect(text).toContain('0000:03:00.0  8086:10fb  Intel Corporation 82599ES Connection');
    expect(text).toContain('ready: ixy info 0000:03:00.0');
    expect(text).toContain('kernel driver ixgbe · interface eth1 · IOMMU group 12 (DMA) · NUMA node 0');
    expect(text).toContain('not supported by ixy.ts');
  });

  it('names devices also where the system has no pci.ids', () => {
    const { sysfs } = new FakeSysfs().add('0000:03:00.0').add('0000:04:00.0', { deviceId: 0x1234 });
    const [known, unknown] = listDevices(sysfs, new PciIds([]));
    expect(known).toMatchObject({ vendor: null, device: 'Intel 82599ES 10-Gigabit SFI/SFP+' });
    expect(listText([unknown])).toContain('unknown device');
  });

  it('has a friendly word where there is none', () => {
    expect(listText(listDevices(new FakeSysfs().sysfs, names()))).toContain("'ixy ports' explains emulated NICs");
  });

  it('lists this machine', async () => {
    expect(await ixy('list')).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout } = await ixy('list', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ devices: expect.any(Array) });
  });
});
