/** From what somebody wrote to a network controller of this machine. */
import { IxyError } from '../errors.ts';
import { hexDigits } from '../hexadecimal.ts';
import { knownOrNear } from '../near-match.ts';
import { formatPciAddress, parsePciAddress } from './pci-address.ts';
import { isNetworkDevice, type PciDeviceInfo, Sysfs } from './sysfs.ts';

/**
 * The network controller at `address` ('0000:03:00.0' or '03:00.0'). Throws `ERR_ARGUMENT` for what is no PCI address,
 * `ERR_DEVICE_NOT_FOUND`, and `ERR_DEVICE_UNSUPPORTED` if it is no network controller.
 */
export function findNetworkDevice(address: string, sysfs = new Sysfs()): PciDeviceInfo {
  const info = findDevice(address, sysfs);
  if (isNetworkDevice(info)) return info;
  const found = hexDigits(info.classCode, 6);
  throw new IxyError(
    'ERR_DEVICE_UNSUPPORTED',
    `${info.address} must be a network controller (class 02xxxx), found class ${found}`,
  );
}

function findDevice(address: string, sysfs: Sysfs): PciDeviceInfo {
  const parsed = parsePciAddress(address);
  if (!parsed) throw new IxyError('ERR_ARGUMENT', `'${address}' must be a PCI address such as 0000:03:00.0`);
  const name = formatPciAddress(parsed);
  if (sysfs.has(name)) return sysfs.device(name);
  const others = sysfs.networkDevices().map((info) => info.address);
  const hint =
    others.length > 0 ? `network controllers ${knownOrNear(name, others)}` : 'there is no network controller';
  throw new IxyError('ERR_DEVICE_NOT_FOUND', `${name}: no such PCI device; ${hint}`);
}
