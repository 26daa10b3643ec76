/**
 * Writes down how a driver uses a device: each register access with its time, the register's name, and its fields. What is
 * done over and over, as polling is, takes two lines: the first time, and how often again.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { IxyError } from '../../errors.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import type { ModelKind } from '../models.ts';
import type { AccessObserver } from './region-space.ts';
import { RegisterNames } from './register-names.ts';

/** Characters kept until they are written. */
const BUFFERED = 1 << 16;
const NAME_WIDTH = 20;
const TIME_WIDTH = 12;

/** What the last line tells of; `names` stands for the device. */
interface Told {
  readonly names: RegisterNames;
  readonly prefix: string;
  readonly write: boolean;
  readonly region: number;
  readonly offset: number;
  readonly bytes: number;
  readonly value: number;
}

export class AccessTrace {
  readonly #file: number;
  readonly #start = performance.now();
  #text = '';
  #last: Told | undefined;
  /** How often the last line's access came again, and when it did so last. */
  #repeats = 0;
  #repeated = 0;

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
    const prefix = prefixOf(label);
    return (write, region, offset, bytes, value) => {
      const now = performance.now() - this.#start;
      const access = { names, prefix, write, region, offset, bytes, value };
      if (this.#last && same(this.#last, access)) {
        this.#repeats++;
        this.#repeated = now;
        return;
      }
      this.#tellRepeats();
      this.#last = access;
      this.#append(now, access, lineOf(access));
    };
  }

  /** Notes what happens to a device, other than accesses; `label` as for `observer`. */
  note(text: string, label: string): void {
    this.#tellRepeats();
    this.#last = undefined;
    this.#append(performance.now() - this.#start, { prefix: prefixOf(label) }, text);
  }

  /** Writes what is kept. */
  flush(): void {
    this.#tellRepeats();
    this.#write();
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }

  #tellRepeats(): void {
    const times = this.#repeats === 1 ? 'once' : `${this.#repeats} times`;
    if (this.#last && this.#repeats > 0) this.#append(this.#repeated, this.#last, `…  ${times} more`);
    this.#repeats = 0;
  }

  #append(time: number, { prefix }: Pick<Told, 'prefix'>, text: string): void {
    this.#text += `${`${prefix}${time.toFixed(3).padStart(TIME_WIDTH)} ms  ${text}`.trimEnd()}\n`;
    if (this.#text.length >= BUFFERED) this.#write();
  }

  #write(): void {
    if (this.#text !== '') writeSync(this.#file, this.#text);
    this.#text = '';
  }
}

function prefixOf(label: string): string {
  return label === '' ? '' : `${label}  `;
}

function same(a: Told, b: Told): boolean {
  return (
    a.offset === b.offset &&
    a.value === b.value &&
    a.write === b.write &&
    a.bytes === b.bytes &&
    a.region === b.region &&
    a.names === b.names
  );
}

function lineOf({ names, write, region, offset, bytes, value }: Told): string {
  const name = names.nameOf(region, offset).padEnd(NAME_WIDTH);
  const digits = hexadecimal(value, 2 * bytes).padEnd(10);
  return `${write ? 'W' : 'R'}  ${name}  ${digits}  ${names.fieldsOf(region, offset, value)}`;
}
