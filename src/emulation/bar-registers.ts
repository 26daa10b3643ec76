/** Registers of an emulated device as its driver sees them: each access is checked here, and goes on to the model. */
import type { RegisterFile } from '../pci/pci-device.ts';
import { checkedRegisterOffset } from '../pci/register-offset.ts';
import { wordRegisters } from '../pci/word-registers.ts';
import type { AccessBytes, ModelBar } from './device-model.ts';

/** The way to the model, on this thread or another; `DeviceModel.read` and `write` say what they take. */
export interface RegisterAccess {
  read(bar: number, offset: number, bytes: AccessBytes): number;
  write(bar: number, offset: number, bytes: AccessBytes, value: number): void;
}

/** Registers of BAR `index`. `address` is the device's and begins messages. */
export function barRegisters(address: string, index: number, bar: ModelBar, access: RegisterAccess): RegisterFile {
  const { size, doorbells } = bar;
  const reader = (bytes: AccessBytes) => (offset: number) =>
    access.read(index, checkedRegisterOffset(address, offset, bytes, size), bytes);
  const writer = (bytes: AccessBytes, meant: (value: number) => number) => (offset: number, value: number) =>
    access.write(index, checkedRegisterOffset(address, offset, bytes, size), bytes, meant(value));
  const words = { size, doorbells, read32: reader(4), write32: writer(4, (value) => value | 0) };
  if (!bar.narrow) return wordRegisters(address, words);
  return {
    ...words,
    read8: reader(1),
    read16: reader(2),
    write8: writer(1, (value) => value & 0xff),
    write16: writer(2, (value) => value & 0xffff),
  };
}
