/** The MSI-X capability of a device, as its configuration space has it (PCI Local Bus Specification 3.0, section 6.8.2). */
import type { PciConfigSpace } from '../pci/pci-device.ts';

export const MSIX_CAPABILITY_ID = 0x11;
/** Bits of message control. */
export const MSIX_ENABLE = 1 << 15;
export const MSIX_FUNCTION_MASK = 1 << 14;
const TABLE_SIZE_MASK = 0x7ff;
const BAR_MASK = 7;

const STATUS = 0x06;
const STATUS_CAPABILITIES = 1 << 4;
const FIRST_CAPABILITY = 0x34;
/** As many as fit behind the header, four bytes each. */
const MAXIMUM_CAPABILITIES = 48;

export interface MsixCapability {
  /** Where message control lies in configuration space. */
  readonly control: number;
  /** Vectors in the table, 1 … 2048. */
  readonly vectors: number;
  /** The BAR that the table lies in; the models have the pending bits there too. */
  readonly bar: number;
  /** Byte offsets in that BAR. */
  readonly table: number;
  readonly pending: number;
}

/** Undefined if the device has none. */
export function msixCapability(config: PciConfigSpace): MsixCapability | undefined {
  const at = findCapability(config, MSIX_CAPABILITY_ID);
  return at === undefined ? undefined : readCapability(config, at);
}

/** Where the capability with this identifier lies in configuration space; undefined if the device has none. */
export function findCapability(config: PciConfigSpace, id: number): number | undefined {
  if ((config.read16(STATUS) & STATUS_CAPABILITIES) === 0) return undefined;
  let at = config.read8(FIRST_CAPABILITY) & ~3;
  for (let i = 0; at !== 0 && i < MAXIMUM_CAPABILITIES; i++) {
    if (config.read8(at) === id) return at;
    at = config.read8(at + 1) & ~3;
  }
  return undefined;
}

function readCapability(config: PciConfigSpace, at: number): MsixCapability {
  const table = config.read32(at + 4);
  return {
    control: at + 2,
    vectors: (config.read16(at + 2) & TABLE_SIZE_MASK) + 1,
    bar: table & BAR_MASK,
    table: (table & ~BAR_MASK) >>> 0,
    pending: (config.read32(at + 8) & ~BAR_MASK) >>> 0,
  };
}
