/** Makes the configuration space of an emulated device: header, BARs, capabilities. (PCI Local Bus Specification 3.0, 6.) */
import { PCI_COMMAND } from '../pci/pci-device.ts';
import { ConfigSpace } from './config-space.ts';
import { MSIX_CAPABILITY_ID, MSIX_ENABLE, MSIX_FUNCTION_MASK, type MsixCapability } from './msix-capability.ts';

/** Bytes without and with PCI Express's extended space. */
type ConfigSize = 256 | 4096;
/** I/O, memory, bus master, parity, SERR#, INTx disable. */
const COMMAND_WRITABLE = 0x0547;
const STATUS = 0x06;
const STATUS_CAPABILITIES = 1 << 4;
const CACHE_LINE = 0x0c;
const BAR = 0x10;
const FIRST_CAPABILITY = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
const INTA = 1;

/** What the header says of the device. */
interface PciIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision: number;
  /** Base class, subclass and interface: 0x020000 for Ethernet. */
  readonly classCode: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
}

export const CLASS_ETHERNET = 0x02_00_00;

/** What lies behind a BAR: its low bits (section 6.2.5.1). 64-bit memory takes the place of the next BAR too. */
const BAR_TYPES = { ports: 0b0001, memory32: 0b0000, memory64: 0b0100, prefetchable64: 0b1100 } as const;

export class ConfigBuilder {
  /** Content after a reset; for what no method puts there. */
  readonly content: DataView;
  /** The bits that software may change. */
  readonly writable: DataView;
  /** Where the address of the next capability belongs. */
  #link = FIRST_CAPABILITY;

  constructor(size: ConfigSize, identity: PciIdentity) {
    const content = new DataView(new ArrayBuffer(size));
    const writable = new DataView(new ArrayBuffer(size));
    this.content = content;
    this.writable = writable;
    content.setUint16(0x00, identity.vendorId, true);
    content.setUint16(0x02, identity.deviceId, true);
    content.setUint32(0x08, (identity.classCode << 8) | identity.revision, true);
    content.setUint16(0x2c, identity.subsystemVendorId, true);
    content.setUint16(0x2e, identity.subsystemId, true);
    content.setUint8(INTERRUPT_PIN, INTA);
    writable.setUint16(PCI_COMMAND, COMMAND_WRITABLE, true);
    writable.setUint8(CACHE_LINE, 0xff);
    writable.setUint8(INTERRUPT_LINE, 0xff);
  }

  /** A BAR of `size` bytes, a power of two from 16 on. */
  bar(index: number, type: keyof typeof BAR_TYPES, size: number): void {
    const at = BAR + 4 * index;
    this.content.setUint32(at, BAR_TYPES[type], true);
    this.writable.setUint32(at, ~(size - 1), true);
    if (type === 'memory64' || type === 'prefetchable64') this.writable.setUint32(at + 4, 0xffff_ffff, true);
  }

  /** Begins a capability at `at`, the last of the list so far; its content is the caller's to write. */
  capability(at: number, id: number): void {
    this.content.setUint16(STATUS, STATUS_CAPABILITIES, true);
    this.content.setUint8(this.#link, at);
    this.content.setUint8(at, id);
    this.#link = at + 1;
  }

  /** The capability of MSI-X, whole. */
  msixCapability({ control, vectors, bar, table, pending }: MsixCapability): void {
    const at = control - 2;
    this.capability(at, MSIX_CAPABILITY_ID);
    this.content.setUint16(control, vectors - 1, true);
    this.writable.setUint16(control, MSIX_ENABLE | MSIX_FUNCTION_MASK, true);
    this.content.setUint32(at + 4, table | bar, true);
    this.content.setUint32(at + 8, pending | bar, true);
  }

  build(): ConfigSpace {
    return new ConfigSpace(new Uint8Array(this.content.buffer), new Uint8Array(this.writable.buffer));
  }
}
