import { describe, expect, it, onTestFinished } from 'vitest';
import { openPciDevice } from '../../../src/pci/open-pci-device.ts';
import { FakeVfio } from '../../support/fake-vfio.ts';
import { openDescriptors } from '../../support/process.ts';
import { ADDRESS, machine, open, pages, refusal } from '../../support/vfio-machine.ts';

describe('what is in the way', () => {
  it('another device of the group', () => {
    const vfio = new FakeVfio('12');
    vfio.viable = false;
    const fake = machine()
      .addToGroup(12, ADDRESS)
      .add('0000:03:00.1', { driver: 'ixgbe', iommuGroup: 12 })
      .addToGroup(12, '0000:03:00.1')
      .add('0000:00:01.0', { driver: 'pcieport', iommuGroup: 12 })
      .addToGroup(12, '0000:00:01.0');
    expect(refusal(vfio, fake)).toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      message:
        '0000:03:00.0: IOMMU group 12 is not viable: it also has 0000:03:00.1 (bound to ixgbe); bind all its devices ' +
        'to vfio-pci, or put the card into another slot',
    });
  });

  it.each([
    ['EACCES', 'ERR_PERMISSION', 'sudo chown $USER'],
    ['EPERM', 'ERR_PERMISSION', 'CAP_SYS_RAWIO'],
    ['EBUSY', 'ERR_DEVICE_BUSY', 'another process has its IOMMU group open'],
    ['ENOENT', 'ERR_SYSTEM', 'ENOENT'],
  ])('%s from the group', async (code, expected, text) => {
    const { default: fs } = await import('node:fs');
    const { syncBuiltinESMExports } = await import('node:module');
    const vfio = new FakeVfio('12');
    const { openSync } = fs;
    fs.openSync = ((path: string, flags: string) => {
      if (path.endsWith('/12')) throw Object.assign(new Error(`${code}: open '${path}'`), { code });
      return openSync(path, flags);
    }) as typeof openSync;
    syncBuiltinESMExports();
    try {
      const { code: found, message } = refusal(vfio);
      expect([found, message]).toEqual([expected, expect.stringContaining(text)]);
      expect(message).toContain(ADDRESS);
    } finally {
      fs.openSync = openSync;
      syncBuiltinESMExports();
    }
  });

  it('VFIO that is not there', () => {
    const vfio = new FakeVfio('12');
    Object.assign(vfio, { devices: `${vfio.devices}/nothing` });
    expect(refusal(vfio)).toMatchObject({ code: 'ERR_SYSTEM', message: expect.stringContaining('modprobe vfio-pci') });
  });

  it('an interface of another version', () => {
    const vfio = new FakeVfio('12');
    vfio.version = 1;
    expect(refusal(vfio).message).toBe("VFIO's interface must be of version 0, found 1");
  });

  it.each([
    'GROUP_SET_CONTAINER',
    'SET_IOMMU',
    'IOMMU_GET_INFO',
    'GROUP_GET_DEVICE_FD',
    'DEVICE_GET_INFO',
    'DEVICE_RESET',
  ])('a failure of %s, after which nothing is held', (name) => {
    const vfio = new FakeVfio('12');
    const before = openDescriptors();
    vfio.failures.set(name, 'EINVAL');
    expect(refusal(vfio).message).toContain('EINVAL');
    expect(openDescriptors()).toBe(before);
    vfio.failures.clear();
    open(vfio);
  });

  it('a missing IOMMU, unless one asks to do without', async () => {
    const vfio = new FakeVfio('noiommu-12');
    expect(refusal(vfio)).toMatchObject({
      code: 'ERR_DMA_UNMAPPED',
      message: expect.stringMatching(/no IOMMU is on; .* or accept that .*noiommu=1/),
    });
    const warned = new Promise<Error>((found) => {
      const listen = (warning: Error & { code?: string }) => {
        if (warning.code !== 'IXY_NO_IOMMU') return;
        process.off('warning', listen);
        found(warning);
      };
      process.on('warning', listen);
    });
    const fake = machine();
    const device = openPciDevice(ADDRESS, { sysfs: fake.sysfs, devices: vfio.devices, unsafeNoIommu: true });
    onTestFinished(() => device.close());
    expect(vfio.arguments('SET_IOMMU')).toEqual([8]);
    expect(await warned).toMatchObject({ code: 'IXY_NO_IOMMU', message: expect.stringContaining(ADDRESS) });
    expect(() => device.dma.map({ ...pages(4096), kind: 'plain' })).toThrow(/without an IOMMU/);
    expect(device.dma.translated).toBe(false);
  });
});
