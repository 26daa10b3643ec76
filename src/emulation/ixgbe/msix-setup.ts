/** What a kernel does to switch MSI-X on, before a driver sees its first interrupt. */
import type { PciConfigSpace } from '../../pci/pci-device.ts';
import { MSIX_CONTROL, MSIX_ENABLE, MSIX_VECTORS } from './config.ts';

const ENTRY_BYTES = 16;
const VECTOR_CONTROL = 12;
const MASKED = 1;

/** Unmasks vectors 0 … `vectors` − 1 in the table, which `write` reaches, masks the others, and enables messages if any. */
export function setUpMsix(
  config: PciConfigSpace,
  write: (offset: number, value: number) => void,
  vectors: number,
): void {
  const control = config.read16(MSIX_CONTROL) & ~MSIX_ENABLE;
  for (let vector = 0; vector < MSIX_VECTORS; vector++) {
    write(vector * ENTRY_BYTES + VECTOR_CONTROL, vector < vectors ? 0 : MASKED);
  }
  config.write16(MSIX_CONTROL, vectors > 0 ? control | MSIX_ENABLE : control);
}
