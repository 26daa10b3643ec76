/** Registers reached by reading and writing a file: I/O ports, and parts of a memory BAR that cannot be mapped. */
import { IxyError } from '../errors.ts';
import { hexadecimal } from '../hexadecimal.ts';
import { FileWords } from './file-words.ts';
import type { RegisterFile } from './pci-device.ts';
import { checkedRegisterOffset } from './register-offset.ts';

export class FileRegisters extends FileWords implements RegisterFile {
  readonly size: number;
  readonly doorbells = new Int32Array(0);
  readonly #address: string;

  /** `descriptor`: the file that the BAR begins in at `offset`; throws once the device is closed. */
  constructor(address: string, descriptor: () => number, offset: number, size: number) {
    super(descriptor, offset);
    this.#address = address;
    this.size = size;
  }

  protected check(offset: number, width: number): void {
    checkedRegisterOffset(this.#address, offset, width, this.size);
  }

  protected incomplete(verb: string, offset: number, width: number, count: number): IxyError {
    const place = `register ${hexadecimal(offset)}`;
    return new IxyError('ERR_SYSTEM', `${this.#address}: ${count} of ${width} bytes ${verb} at ${place}`);
  }
}
