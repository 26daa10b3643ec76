/** Writes down how a driver uses a device: each register access with its time, the register's name, and its fields. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { IxyError } from '../../errors.ts';
import type { ModelKind } from '../models.ts';
import type { AccessObserver } from './region-space.ts';
import { hexadecimal, RegisterNames } from './register-names.ts';

/** Characters kept until they are written. */
const BUFFERED = 1 << 16;
const NAME_WIDTH = 20;

export class AccessTrace {
  readonly #file: number;
  readonly #start = performance.now();
  #text = '';

  /** Creates the file, or truncates it. Throws `ERR_SYSTEM`. */
  constructor(path: string) {
    try {
      this.#file = openSync(path, 'w');
    } catch (cause) {
      throw new IxyError('ERR_SYSTEM', `trace file ${path} cannot be written: ${cause}`, { cause });
    }
  }

  /** Notes the accesses of one device; `label`, unless empty, says which on each line. */
  observer(model: ModelKind, label: string): AccessObserver {
    const names = new RegisterNames(model);
    const prefix = label === '' ? '' : `${label}  `;
    return (write, region, offset, bytes, value) => {
      const name = names.nameOf(region, offset).padEnd(NAME_WIDTH);
      const fields = names.fieldsOf(region, offset, value);
      const digits = hexadecimal(value, 2 * bytes).padEnd(10);
      this.#append(`${prefix}${this.#time()} ms  ${write ? 'W' : 'R'}  ${name}  ${digits}  ${fields}`.trimEnd());
    };
  }

  /** Notes what happens to a device, other than accesses; `label` as for `observer`. */
  note(text: string, label: string): void {
    this.#append(`${label === '' ? '' : `${label}  `}${this.#time()} ms  ${text}`);
  }

  /** Writes what is kept. */
  flush(): void {
    if (this.#text !== '') writeSync(this.#file, this.#text);
    this.#text = '';
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }

  #time(): string {
    return (performance.now() - this.#start).toFixed(3).padStart(12);
  }

  #append(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length >= BUFFERED) this.flush();
  }
}
