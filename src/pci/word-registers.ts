/** Registers of a device that knows 32-bit accesses only. */
import { IxyError } from '../errors.ts';
import type { RegisterFile } from './pci-device.ts';

type WordRegisters = Pick<RegisterFile, 'size' | 'read32' | 'write32' | 'doorbells'>;

/** The whole register file: narrower accesses throw `ERR_ARGUMENT`. `address` begins the message. */
export function wordRegisters(address: string, registers: WordRegisters): RegisterFile {
  const refuse = (): never => {
    throw new IxyError('ERR_ARGUMENT', `${address}: registers of this device must be accessed 32 bits at a time`);
  };
  return { ...registers, read8: refuse, read16: refuse, write8: refuse, write16: refuse };
}
