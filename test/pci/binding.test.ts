import { mkdirSync, writeFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Binding, DeviceBinder } from '../../src/pci/binding.ts';
import { FakeKernel } from '../support/fake-kernel.ts';
import { type FakeDevice, FakeSysfs } from '../support/fake-sysfs.ts';
import { temporaryDirectory } from '../support/process.ts';

const ADDRESS = '0000:03:00.0';
const DEVICE = `bus/pci/devices/${ADDRESS}`;
const IN_USE: NetworkInterfaceInfo = {
  family: 'IPv4',
  address: '10.0.0.2',
  cidr: '10.0.0.2/24',
  netmask: '255.255.255.0',
  mac: '02:00:00:00:00:01',
  internal: false,
};

interface Machine {
  readonly fake: FakeSysfs;
  readonly kernel: FakeKernel;
  readonly binder: DeviceBinder;
}

/** A machine whose only NIC, by default, ixgbe has as eth0, behind an IOMMU. */
function machine(device: FakeDevice = {}, addresses: readonly NetworkInterfaceInfo[] = []): Machine {
  const fake = new FakeSysfs().add(ADDRESS, {
    driver: 'ixgbe',
    interfaces: ['net/eth0'],
    iommuGroup: 12,
    ...device,
  });
  writeFileSync(fake.path(ADDRESS, 'driver_override'), '(null)\n');
  writeFileSync(fake.path(ADDRESS, 'modalias'), 'pci:v00008086d000010FB\n');
  const kernel = new FakeKernel(fake);
  const network = { addresses: () => ({ eth0: [...addresses] }), routes: temporaryDirectory() };
  return { fake, kernel, binder: new DeviceBinder(fake.sysfs, kernel.devices, kernel, network) };
}

describe('bind', () => {
  let { fake, kernel, binder }: Machine = {} as Machine;
  beforeEach(() => {
    ({ fake, kernel, binder } = machine());
  });

  it('gives a device to VFIO: modules, override, release, probe, in this order', () => {
    expect(binder.bind('03:00.0', 'vfio-pci')).toEqual({
      address: ADDRESS,
      previousDriver: 'ixgbe',
      driver: 'vfio-pci',
      interfaces: [],
      lostInterfaces: ['eth0'],
      groupFile: join(kernel.devices, 'vfio/12'),
      otherUsers: [],
    } satisfies Binding);
    expect(kernel.log).toEqual([
      'load vfio-pci',
      'load vfio_iommu_type1',
      `${DEVICE}/driver_override = vfio-pci`,
      `${DEVICE}/driver/unbind = ${ADDRESS}`,
      `bus/pci/drivers_probe = ${ADDRESS}`,
    ]);
  });

  it('gives it to UIO', () => {
    expect(binder.bind(ADDRESS, 'uio_pci_generic')).toMatchObject({ driver: 'uio_pci_generic', groupFile: null });
  });

  it('gives it back to the kernel', () => {
    const binding = binder.bind(ADDRESS, 'vfio-pci');
    kernel.log.length = 0;
    expect(binder.restore(binding)).toMatchObject({ previousDriver: 'vfio-pci', driver: 'ixgbe' });
    expect(kernel.log).toEqual([
      `${DEVICE}/driver_override = `,
      `${DEVICE}/driver/unbind = ${ADDRESS}`,
      `bus/pci/drivers_probe = ${ADDRESS}`,
    ]);
  });

  it('restores a device that nobody had', () => {
    const binding = { ...binder.bind(ADDRESS, 'vfio-pci'), previousDriver: null };
    expect(binder.restore(binding)).toMatchObject({ driver: null });
  });

  it('loads the kernel’s driver by the device’s alias if it is not there', () => {
    kernel.drivers.delete('ixgbe');
    kernel.modules.set('pci:v00008086d000010FB', 'ixgbe');
    binder.unbind(ADDRESS);
    expect(binder.bind(ADDRESS, 'kernel')).toMatchObject({ driver: 'ixgbe' });
  });

  it('does nothing where there is nothing to do', () => {
    expect(binder.bind(ADDRESS, 'kernel')).toMatchObject({ previousDriver: 'ixgbe', driver: 'ixgbe' });
    expect(kernel.log).toEqual([]);
  });

  it('gives the group to its owner, after udev, also if the device is bound already', () => {
    binder.bind(ADDRESS, 'vfio-pci');
    kernel.log.length = 0;
    binder.bind(ADDRESS, 'vfio-pci', { owner: 'me' });
    expect(kernel.log).toEqual(['settle', 'vfio/12 to 1000']);
  });

  it('names what keeps the group from being used', () => {
    fake.add('0000:03:00.1', { driver: 'ixgbe', iommuGroup: 12 });
    fake.addToGroup(12, ADDRESS).addToGroup(12, '0000:03:00.1');
    expect(binder.bind(ADDRESS, 'vfio-pci').otherUsers).toEqual(['0000:03:00.1 (bound to ixgbe)']);
  });

  it('puts a device back that the new driver does not take', () => {
    kernel.failing.add('vfio-pci');
    expect(() => binder.bind(ADDRESS, 'vfio-pci')).toThrow(
      expect.objectContaining({
        code: 'ERR_SYSTEM',
        message: expect.stringMatching(/could not be bound to vfio-pci: .*see dmesg; it is now bound to ixgbe/),
      }),
    );
    expect(fake.sysfs.driver(ADDRESS)).toBe('ixgbe');
  });

  it('leaves the device alone if a module is missing', () => {
    kernel.modules.clear();
    expect(() => binder.bind(ADDRESS, 'uio_pci_generic')).toThrow(
      expect.objectContaining({ code: 'ERR_SYSTEM', message: expect.stringContaining('uio_pci_generic') }),
    );
    expect(fake.sysfs.driver(ADDRESS)).toBe('ixgbe');
  });
});

describe('bind changes nothing, and says why,', () => {
  function refusal({ kernel, binder }: Machine, ...args: Parameters<DeviceBinder['bind']>): unknown {
    try {
      binder.bind(...args);
    } catch (error) {
      expect(kernel.log).toEqual([]);
      return error;
    }
    throw new Error('the device was bound');
  }
  const saying = (code: string, text: string) => ({ code, message: expect.stringContaining(text) });

  it('if its interface is in use, unless it is forced', () => {
    const used = machine({}, [IN_USE]);
    expect(refusal(used, ADDRESS, 'vfio-pci')).toMatchObject(
      saying('ERR_DEVICE_BUSY', `${ADDRESS} is in use: eth0 carries 10.0.0.2/24`),
    );
    expect(() => used.binder.unbind(ADDRESS)).toThrow('eth0 carries 10.0.0.2/24');
    expect(used.kernel.log).toEqual([]);
    expect(used.binder.bind(ADDRESS, 'vfio-pci', { force: true })).toMatchObject({ driver: 'vfio-pci' });
  });

  it.each(['net', 'virtio1/net'])(
    'if its interface may be in use in another network namespace (%s), unless it is forced',
    (path) => {
      const away = machine({ interfaces: [path] });
      expect(refusal(away, ADDRESS, 'vfio-pci')).toMatchObject(
        saying('ERR_DEVICE_BUSY', `${ADDRESS} has an interface in another network namespace`),
      );
      expect(() => away.binder.unbind(ADDRESS)).toThrow('--force');
      expect(away.kernel.log).toEqual([]);
      expect(away.binder.bind(ADDRESS, 'vfio-pci', { force: true })).toMatchObject({ driver: 'vfio-pci' });
    },
  );

  it('if it is no network controller', () => {
    expect(refusal(machine({ classCode: 0x010802 }), ADDRESS, 'vfio-pci')).toMatchObject(
      saying('ERR_DEVICE_UNSUPPORTED', 'must be a network controller'),
    );
  });

  it('if there is no such device', () => {
    expect(refusal(machine(), '0000:04:00.0', 'vfio-pci')).toMatchObject(saying('ERR_DEVICE_NOT_FOUND', ADDRESS));
  });

  it('without root', () => {
    const poor = machine();
    poor.kernel.unprivileged = true;
    expect(refusal(poor, ADDRESS, 'vfio-pci')).toMatchObject(saying('ERR_PERMISSION', 'run as root'));
  });

  it('for VFIO without an IOMMU, unless VFIO does without', () => {
    const bare = machine({ iommuGroup: undefined });
    expect(refusal(bare, ADDRESS, 'vfio-pci')).toMatchObject(saying('ERR_DMA_UNMAPPED', 'no IOMMU is on'));
    const parameters = bare.fake.sysfs.under('module/vfio/parameters');
    mkdirSync(parameters, { recursive: true });
    writeFileSync(join(parameters, 'enable_unsafe_noiommu_mode'), 'Y\n');
    expect(refusal(bare, ADDRESS, 'vfio-pci', { owner: 'me' })).toMatchObject(
      saying('ERR_PERMISSION', 'for root alone'),
    );
    expect(bare.binder.bind(ADDRESS, 'vfio-pci')).toMatchObject({ driver: 'vfio-pci' });
  });

  it('if the owner is nobody known, or could not use it', () => {
    expect(refusal(machine(), ADDRESS, 'vfio-pci', { owner: 'you' })).toMatchObject(saying('ERR_ARGUMENT', "'you'"));
    expect(refusal(machine(), ADDRESS, 'kernel', { owner: 'me' })).toMatchObject(saying('ERR_ARGUMENT', "root's"));
  });
});

describe('unbind', () => {
  it('leaves the device to nobody', () => {
    const { kernel, binder } = machine();
    expect(binder.unbind(ADDRESS)).toMatchObject({ previousDriver: 'ixgbe', driver: null, groupFile: null });
    expect(kernel.log).toEqual([`${DEVICE}/driver_override = `, `${DEVICE}/driver/unbind = ${ADDRESS}`]);
  });

  it('does nothing to a device that nobody has', () => {
    const { kernel, binder } = machine({ driver: undefined });
    expect(binder.unbind(ADDRESS)).toMatchObject({ previousDriver: null, driver: null });
    expect(kernel.log).toEqual([]);
  });
});
