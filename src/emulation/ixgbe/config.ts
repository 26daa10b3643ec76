/** Configuration space of an 82599 (datasheet rev 3.4, section 9.3) with its capabilities. */
import { PCI_COMMAND } from '../../pci/pci-device.ts';
import { ConfigSpace } from '../config-space.ts';
import { MSIX_CAPABILITY_ID, MSIX_ENABLE, MSIX_FUNCTION_MASK, type MsixCapability } from '../msix-capability.ts';

const SIZE = 4096;
const STATUS_CAPABILITIES = 1 << 4;
const CLASS_ETHERNET = 0x02_00_00;
const MEMORY_64_BIT = 0b0100;

/** Where the capabilities lie (section 9.3.2). */
export const CAPABILITIES = { powerManagement: 0x40, msiX: 0x70, pcie: 0xa0 } as const;
export const BAR0_SIZE = 0x2_0000;
export const MSIX: MsixCapability = {
  control: CAPABILITIES.msiX + 2,
  vectors: 64,
  bar: 4,
  table: 0,
  pending: 0x2000,
};
export const MSIX_BAR_SIZE = 0x4000;
/** Device control and status, in the PCIe capability. */
export const PCIE_DEVICE_CONTROL = CAPABILITIES.pcie + 8;
export const PCIE_FUNCTION_RESET = 1 << 15;

const SERIAL_NUMBER = 0x140;

export interface ConfigOptions {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly mac: Uint8Array;
}

export function ixgbeConfigSpace({ vendorId, deviceId, mac }: ConfigOptions): ConfigSpace {
  const initial = new Uint8Array(SIZE);
  const writable = new Uint8Array(SIZE);
  const content = new DataView(initial.buffer);
  const mask = new DataView(writable.buffer);

  content.setUint16(0x00, vendorId, true);
  content.setUint16(0x02, deviceId, true);
  mask.setUint16(PCI_COMMAND, 0x0547, true);
  content.setUint16(0x06, STATUS_CAPABILITIES, true);
  content.setUint32(0x08, (CLASS_ETHERNET << 8) | 0x01, true);
  mask.setUint8(0x0c, 0xff);
  memoryBar(content, mask, 0, BAR0_SIZE);
  memoryBar(content, mask, MSIX.bar, MSIX_BAR_SIZE);
  content.setUint16(0x2c, vendorId, true);
  content.setUint16(0x2e, 0x0003, true);
  content.setUint8(0x34, CAPABILITIES.powerManagement);
  mask.setUint8(0x3c, 0xff);
  content.setUint8(0x3d, 1);

  capability(content, CAPABILITIES.powerManagement, 0x01, CAPABILITIES.msiX);
  content.setUint16(CAPABILITIES.powerManagement + 2, 0x0003, true);
  content.setUint16(CAPABILITIES.powerManagement + 4, 0x0008, true);
  mask.setUint16(CAPABILITIES.powerManagement + 4, 0x0103, true);

  capability(content, CAPABILITIES.msiX, MSIX_CAPABILITY_ID, CAPABILITIES.pcie);
  content.setUint16(MSIX.control, MSIX.vectors - 1, true);
  mask.setUint16(MSIX.control, MSIX_ENABLE | MSIX_FUNCTION_MASK, true);
  content.setUint32(CAPABILITIES.msiX + 4, MSIX.table | MSIX.bar, true);
  content.setUint32(CAPABILITIES.msiX + 8, MSIX.pending | MSIX.bar, true);

  capability(content, CAPABILITIES.pcie, 0x10, 0);
  content.setUint16(CAPABILITIES.pcie + 2, 0x0002, true); // version 2, endpoint
  content.setUint32(CAPABILITIES.pcie + 4, 0x1000_8cc2, true); // payload up to 512 bytes, function level reset
  content.setUint16(PCIE_DEVICE_CONTROL, 0x2810, true);
  mask.setUint16(PCIE_DEVICE_CONTROL, 0xffff, true);
  content.setUint32(CAPABILITIES.pcie + 0x0c, 0x0000_0c82, true); // 5 GT/s, 8 lanes
  mask.setUint16(CAPABILITIES.pcie + 0x10, 0x00c3, true);
  content.setUint16(CAPABILITIES.pcie + 0x12, 0x1082, true);
  content.setUint32(CAPABILITIES.pcie + 0x24, 0x0000_001f, true);
  mask.setUint16(CAPABILITIES.pcie + 0x28, 0x001f, true);

  serialNumber(content, mac);
  return new ConfigSpace(initial, writable);
}

function memoryBar(content: DataView, mask: DataView, index: number, size: number): void {
  content.setUint32(0x10 + 4 * index, MEMORY_64_BIT, true);
  mask.setUint32(0x10 + 4 * index, ~(size - 1), true);
  mask.setUint32(0x14 + 4 * index, 0xffff_ffff, true);
}

function capability(content: DataView, at: number, id: number, next: number): void {
  content.setUint8(at, id);
  content.setUint8(at + 1, next);
}

/** The serial number is the MAC address with FFFF in its middle (section 9.4.3). */
function serialNumber(content: DataView, mac: Uint8Array): void {
  content.setUint32(SERIAL_NUMBER, 0x0001_0003, true);
  const bytes = [mac[5], mac[4], mac[3], 0xff, 0xff, mac[2], mac[1], mac[0]];
  for (const [i, byte] of bytes.entries()) content.setUint8(SERIAL_NUMBER + 4 + i, byte);
}
