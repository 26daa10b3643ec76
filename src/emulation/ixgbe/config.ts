/** Configuration space of an 82599 (datasheet rev 3.4, section 9.3) with its capabilities. */
import { CLASS_ETHERNET, ConfigBuilder } from '../config-builder.ts';
import type { ConfigSpace } from '../config-space.ts';
import type { MsixCapability } from '../msix-capability.ts';

/** Where the capabilities lie (section 9.3.2). */
export const CAPABILITIES = { powerManagement: 0x40, msi: 0x50, msiX: 0x70, pcie: 0xa0 } as const;
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

/** Interrupts by message that the slot leaves to the device: MSI-X and MSI, MSI alone, or only its interrupt line. */
export type MessageKind = 'msix' | 'msi' | 'none';

const INTERRUPT_PIN = 0x3d;
const INTA = 1;
const POWER_MANAGEMENT_ID = 0x01;
const MSI_ID = 0x05;
const PCIE_ID = 0x10;
const SERIAL_NUMBER = 0x140;

interface ConfigOptions {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly mac: Uint8Array;
  /** Which of the chip's two ports this is: each has an interrupt line of its own (section 9.3.18). */
  readonly port: number;
  readonly messages: MessageKind;
}

export function ixgbeConfigSpace({ vendorId, deviceId, mac, port, messages }: ConfigOptions): ConfigSpace {
  const builder = new ConfigBuilder(4096, {
    vendorId,
    deviceId,
    revision: 1,
    classCode: CLASS_ETHERNET,
    subsystemVendorId: vendorId,
    subsystemId: 0x0003,
  });
  builder.bar(0, 'memory64', BAR0_SIZE);
  builder.bar(MSIX.bar, 'memory64', MSIX_BAR_SIZE);
  builder.content.setUint8(INTERRUPT_PIN, INTA + port);
  powerManagement(builder);
  if (messages !== 'none') msi(builder);
  if (messages === 'msix') builder.msixCapability(MSIX);
  pcie(builder);
  serialNumber(builder, mac);
  return builder.build();
}

function powerManagement(builder: ConfigBuilder): void {
  const { content, writable } = builder;
  const at = CAPABILITIES.powerManagement;
  builder.capability(at, POWER_MANAGEMENT_ID);
  content.setUint16(at + 2, 0x0003, true);
  content.setUint16(at + 4, 0x0008, true);
  writable.setUint16(at + 4, 0x0103, true);
}

/** One message, with a 64-bit address and a mask bit. */
function msi(builder: ConfigBuilder): void {
  const { content, writable } = builder;
  const at = CAPABILITIES.msi;
  builder.capability(at, MSI_ID);
  content.setUint16(at + 2, 0x0180, true);
  writable.setUint16(at + 2, 0x0001, true);
  writable.setUint32(at + 4, 0xffff_fffc, true);
  writable.setUint32(at + 8, 0xffff_ffff, true);
  writable.setUint16(at + 12, 0xffff, true);
  writable.setUint32(at + 16, 0x0000_0001, true);
}

function pcie(builder: ConfigBuilder): void {
  const { content, writable } = builder;
  const at = CAPABILITIES.pcie;
  builder.capability(at, PCIE_ID);
  content.setUint16(at + 2, 0x0002, true); // version 2, endpoint
  content.setUint32(at + 4, 0x1000_8cc2, true); // payload up to 512 bytes, function level reset
  content.setUint16(PCIE_DEVICE_CONTROL, 0x2810, true);
  writable.setUint16(PCIE_DEVICE_CONTROL, 0xffff, true);
  content.setUint32(at + 0x0c, 0x0000_0c82, true); // 5 GT/s, 8 lanes
  writable.setUint16(at + 0x10, 0x00c3, true);
  content.setUint16(at + 0x12, 0x1082, true);
  content.setUint32(at + 0x24, 0x0000_001f, true);
  writable.setUint16(at + 0x28, 0x001f, true);
}

/** The serial number is the MAC address with FFFF in its middle (section 9.4.3). */
function serialNumber({ content }: ConfigBuilder, mac: Uint8Array): void {
  content.setUint32(SERIAL_NUMBER, 0x0001_0003, true);
  const bytes = [mac[5], mac[4], mac[3], 0xff, 0xff, mac[2], mac[1], mac[0]];
  for (const [i, byte] of bytes.entries()) content.setUint8(SERIAL_NUMBER + 4 + i, byte);
}
