/**
 * The device's registers by their names in the datasheet table, with waits that end. For setup and control; the hot path
 * touches nothing but doorbells.
 */
import { type IxgbeRegister, ixgbe } from '../../datasheet/ixgbe/index.ts';
import { extract, type Field, insert, type Register } from '../../datasheet/registers.ts';
import { IxyError } from '../../errors.ts';
import type { PciDevice, RegisterFile } from '../../pci/pci-device.ts';

/** Names of a register's fields. */
export type FieldOf<N extends IxgbeRegister> = string & keyof (typeof ixgbe)[N]['bits'];

/** Field contents to write, by name. */
export type FieldValues<N extends IxgbeRegister> = { readonly [F in FieldOf<N>]?: number };

const ALL_ONES = 0xffff_ffff;
/** Between two looks in a wait that lets other work run. */
const SLEEP_MILLISECONDS = 1;
/** Between two looks in a wait that blocks. */
const PAUSE_MILLISECONDS = 0.02;

export class Registers {
  readonly device: PciDevice;
  readonly file: RegisterFile;
  /** Told once that the device does not answer any more, before the access that noticed throws. */
  onGone: (error: IxyError) => void = () => {};
  #gone: IxyError | undefined;

  constructor(device: PciDevice) {
    this.device = device;
    this.file = device.bar(0);
  }

  /** Whether the device was found missing. */
  get gone(): boolean {
    return this.#gone !== undefined;
  }

  /** Reads a register, with its side effects; unsigned. Throws `ERR_DEVICE_GONE`. */
  read(name: IxgbeRegister, index = 0): number {
    return this.readAt(ixgbe[name].at(index));
  }

  /** Reads by byte offset, for those who walk the table. Throws `ERR_DEVICE_GONE`. */
  readAt(offset: number): number {
    if (this.#gone) throw this.#gone;
    const value = this.#unlessLost(() => this.file.read32(offset));
    // A missing device reads as all ones. STATUS has bits that are always 0, so it tells that from an honest value.
    if (value === ALL_ONES && this.file.read32(ixgbe.STATUS.offset) === ALL_ONES) {
      const silence = 'the device does not answer any more (registers read as all ones); was it removed?';
      this.#reportGone(new IxyError('ERR_DEVICE_GONE', `${this.device.address}: ${silence}`));
    }
    return value;
  }

  write(name: IxgbeRegister, value: number, index = 0): void {
    this.#unlessLost(() => this.file.write32(ixgbe[name].at(index), value));
  }

  /** Writes `value` to every register of an array. */
  writeAll(name: IxgbeRegister, value: number): void {
    for (let index = 0; index < ixgbe[name].length; index++) this.write(name, value, index);
  }

  /** Writes a register whose other fields are 0. */
  assign<N extends IxgbeRegister>(name: N, fields: FieldValues<N>, index = 0): void {
    this.write(name, compose(name, 0, fields), index);
  }

  /** Changes some fields and keeps the others: reads, then writes. */
  update<N extends IxgbeRegister>(name: N, fields: FieldValues<N>, index = 0): void {
    this.write(name, compose(name, this.read(name, index), fields), index);
  }

  /** Content of one field. */
  field<N extends IxgbeRegister>(name: N, field: FieldOf<N>, index = 0): number {
    return extract(fieldOf(name, field), this.read(name, index));
  }

  /** Waits until a field has `content`, letting other work run. Only reads. Throws `ERR_TIMEOUT`. */
  async until<N extends IxgbeRegister>(
    name: N,
    field: FieldOf<N>,
    content: number,
    milliseconds: number,
    index = 0,
  ): Promise<void> {
    const clock = this.device.clock;
    const end = clock.now() + milliseconds;
    // The last look is one after the end: whoever was kept from looking in time must not take that for the device's fault.
    for (let late = false; this.field(name, field, index) !== content; late = clock.now() >= end) {
      if (late) throw this.#timeout(name, field, index, milliseconds);
      await clock.sleep(SLEEP_MILLISECONDS);
    }
  }

  /** The same, blocking: for short waits, and for `close`. */
  untilBlocking<N extends IxgbeRegister>(
    name: N,
    field: FieldOf<N>,
    content: number,
    milliseconds: number,
    index = 0,
  ): void {
    const clock = this.device.clock;
    const end = clock.now() + milliseconds;
    for (let late = false; this.field(name, field, index) !== content; late = clock.now() >= end) {
      if (late) throw this.#timeout(name, field, index, milliseconds);
      clock.pause(PAUSE_MILLISECONDS);
    }
  }

  #timeout<N extends IxgbeRegister>(name: N, field: FieldOf<N>, index: number, milliseconds: number): IxyError {
    const { length } = ixgbe[name];
    const place = length > 1 ? `${name}[${index}]` : name;
    return new IxyError(
      'ERR_TIMEOUT',
      `${this.device.address}: ${place}.${field} is still ${this.field(name, field, index)} after ${milliseconds} ms ` +
        `(82599 datasheet ${ixgbe[name].section})`,
    );
  }

  /** A device behind a connection does not read as all ones when it goes: the connection says so, and why. */
  #unlessLost<T>(access: () => T): T {
    try {
      return access();
    } catch (error) {
      if (error instanceof IxyError && error.code === 'ERR_DEVICE_GONE') this.#reportGone(error);
      throw error;
    }
  }

  #reportGone(error: IxyError): never {
    this.#gone = error;
    this.onGone(error);
    throw error;
  }
}

function fieldOf<N extends IxgbeRegister>(name: N, field: FieldOf<N>): Field {
  return (ixgbe[name] as Register).bits[field as never];
}

function compose<N extends IxgbeRegister>(name: N, value: number, fields: FieldValues<N>): number {
  let result = value;
  for (const [field, content] of Object.entries<number>(fields as Record<string, number>)) {
    result = insert(fieldOf(name, field as FieldOf<N>), result, content);
  }
  return result;
}
