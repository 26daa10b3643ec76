/** What a kernel does to switch MSI-X on, before a driver sees its first interrupt. */
import type { PciConfigSpace } from '../pci/pci-device.ts';
import type { RegisterAccess } from './bar-registers.ts';
import { MSIX_ENABLE, type MsixCapability } from './msix-capability.ts';

const ENTRY_BYTES = 16;
const VECTOR_CONTROL = 12;
const MASKED = 1;

/** A device with MSI-X, as a kernel reaches it. */
interface MsixTarget {
  readonly config: PciConfigSpace;
  readonly capability: MsixCapability;
  /** Writes a word of the BAR that the table lies in. */
  readonly write: (offset: number, value: number) => void;
}

/** Unmasks vectors 0 … `vectors` − 1 in the table, masks the others, and enables messages if any. */
export function setUpMsix({ config, capability, write }: MsixTarget, vectors: number): void {
  const disabled = config.read16(capability.control) & ~MSIX_ENABLE;
  for (let vector = 0; vector < capability.vectors; vector++) {
    write(vectorControl(capability, vector), vector < vectors ? 0 : MASKED);
  }
  config.write16(capability.control, vectors > 0 ? disabled | MSIX_ENABLE : disabled);
}

/** Masks a vector in the table, or unmasks it, which sends what is pending. */
export function maskMsixVector(
  access: RegisterAccess,
  capability: MsixCapability,
  vector: number,
  masked: boolean,
): void {
  access.write(capability.bar, vectorControl(capability, vector), 4, masked ? MASKED : 0);
}

/** Byte offset of a vector's control word in the BAR. */
function vectorControl({ table }: MsixCapability, vector: number): number {
  return table + vector * ENTRY_BYTES + VECTOR_CONTROL;
}
