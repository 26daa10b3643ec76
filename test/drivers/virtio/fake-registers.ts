/** Register files of fakes: each access is aligned and within the BAR, and comes to a function. */
import { IxyError } from '../../../src/errors.ts';
import type { RegisterFile } from '../../../src/pci/pci-device.ts';

export type Access = (offset: number, width: 1 | 2 | 4, value?: number) => number;

/** `doorbells`: as those of `RegisterFile`. */
export function registerFile(size: number, access: Access, doorbells: Int32Array = new Int32Array(0)): RegisterFile {
  const checked: Access = (offset, width, value) => {
    if (Number.isInteger(offset) && offset >= 0 && offset % width === 0 && offset + width <= size) {
      return access(offset, width, value) >>> 0;
    }
    throw new IxyError('ERR_ARGUMENT', `${width} bytes at ${offset} of ${size}`);
  };
  return {
    size,
    doorbells,
    read8: (offset) => checked(offset, 1),
    read16: (offset) => checked(offset, 2),
    read32: (offset) => checked(offset, 4),
    write8: (offset, value) => void checked(offset, 1, value),
    write16: (offset, value) => void checked(offset, 2, value),
    write32: (offset, value) => void checked(offset, 4, value),
  };
}

/** Reads or writes bytes. */
export function memoryAccess(bytes: DataView): Access {
  return (offset, width, value) => {
    if (value !== undefined) {
      if (width === 1) bytes.setUint8(offset, value);
      else if (width === 2) bytes.setUint16(offset, value, true);
      else bytes.setUint32(offset, value, true);
      return 0;
    }
    if (width === 1) return bytes.getUint8(offset);
    return width === 2 ? bytes.getUint16(offset, true) : bytes.getUint32(offset, true);
  };
}
