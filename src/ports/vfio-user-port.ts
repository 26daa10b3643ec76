/** `vfio-user:PATH`: a NIC that another process serves at a socket file. */
import { type NicDriver, requireNicDriver } from '../drivers/nics.ts';
import { IxyError } from '../errors.ts';
import { allocateSharedMemory } from '../memory/memfd-memory.ts';
import type { PciDevice } from '../pci/pci-device.ts';
import { VfioUserDevice } from '../pci/vfio-user/device.ts';
import { driverOptions } from './open-options.ts';
import { virtioOptions, virtioParameters } from './pci-port.ts';
import { portScheme } from './scheme.ts';

export const VFIO_USER_SCHEME = 'vfio-user';

export const vfioUserScheme = portScheme({
  scheme: VFIO_USER_SCHEME,
  syntax: 'vfio-user:PATH',
  summary:
    "A NIC that another process serves at this socket, as 'ixy serve' does, driven like a real one. Rings and packets are in memory that both share.",
  parameters: virtioParameters,
  examples: ['vfio-user:/run/nic.sock', 'vfio-user:/run/nic.sock?ring=split'],
  async open({ name, target, values, options }) {
    const device = VfioUserDevice.open(target, name);
    const { driver, virtio } = closingOnFailure(device, () => {
      const driver = requireNicDriver(device);
      checkDoorbells(device, driver);
      return { driver, virtio: virtioOptions(name, driver.name, values) };
    });
    return driver.open(device, { allocateMemory: allocateSharedMemory, ...driverOptions(options), ...virtio });
  },
});

/** The 82599's tails are stored into, and not every server has memory for that. Virtio's may be rung by messages. */
function checkDoorbells(device: PciDevice, { name }: NicDriver): void {
  if (name !== 'ixgbe' || device.bar(0).doorbells.length > 0) return;
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${device.address}: the server has no memory for doorbells, which the ${name} driver needs; serve the NIC with 'ixy serve'`,
  );
}

/** Until a driver has the device, nobody else closes it. */
function closingOnFailure<Result>(device: PciDevice, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    device.close();
    throw error;
  }
}
