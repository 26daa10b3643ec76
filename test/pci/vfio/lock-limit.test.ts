import { expect, it, onTestFinished, vi } from 'vitest';
import { addon } from '../../../src/native/addon.ts';
import { openPciDevice } from '../../../src/pci/open-pci-device.ts';
import { FakeSysfs } from '../../support/fake-sysfs.ts';
import { FakeVfio } from '../../support/fake-vfio.ts';

vi.mock('../../../src/memory/lock-limit.ts', async (original) => ({
  ...(await original<object>()),
  lockLimit: () => ({ limit: 4_194_304, locked: 2_097_152 }),
}));

it('memory beyond what may be locked is refused before the kernel is asked', () => {
  const { sysfs } = new FakeSysfs().add('0000:03:00.0', { driver: 'vfio-pci', iommuGroup: 12, iommuType: 'DMA' });
  const vfio = new FakeVfio('12');
  const device = openPciDevice('0000:03:00.0', { sysfs, devices: vfio.devices });
  onTestFinished(() => device.close());
  const { MAP_ANONYMOUS, MAP_PRIVATE } = addon().constants;
  const mapped = (size: number) => {
    const buffer = addon().mmap(-1, size, 0, MAP_ANONYMOUS | MAP_PRIVATE);
    onTestFinished(() => addon().munmap(buffer));
    device.dma.map({ buffer, size, pageSize: 2 ** 21, descriptor: -1, kind: 'huge', free: () => {} });
  };
  mapped(2_097_152);
  expect(() => mapped(4_194_304)).toThrow(
    expect.objectContaining({
      code: 'ERR_PERMISSION',
      message:
        '4194304 bytes of DMA memory must be locked, but this process may lock 4194304 bytes, of which 2097152 are in ' +
        'use; raise the limit (ulimit -l unlimited, or LimitMEMLOCK=infinity in a systemd unit), or run as root',
    }),
  );
  expect(vfio.arguments('IOMMU_MAP_DMA')).toHaveLength(1);
});
