/**
 * The registers behind a BAR: storage with the side effects that the datasheet's access modes name, and hooks for
 * everything that modes do not say.
 */
import type { AccessMode, Register } from '../datasheet/registers.ts';

/** `index` in the register's array; what the driver gets is what the hook returns. */
type ReadHook = (stored: number, index: number) => number;
/** Returns what is stored. `value` is what the access mode makes of `written`. */
type WriteHook = (value: number, before: number, index: number, written: number) => number;

interface Entry {
  readonly name: string;
  readonly index: number;
  readonly access: AccessMode;
  /** Where its value is stored; aliases share a word. */
  readonly word: number;
  readonly reset: number;
  onRead?: ReadHook;
  onWrite?: WriteHook;
}

/** Told of accesses that break a rule. */
export interface RegisterWatcher {
  unknownRegister(offset: number, write: boolean): void;
  readOnlyWritten(name: string, index: number, value: number): void;
  writeOnlyRead(name: string, index: number): void;
}

export class RegisterSpace {
  readonly size: number;
  readonly #words: Int32Array;
  readonly #entries = new Map<number, Entry>();
  readonly #watcher: RegisterWatcher;

  constructor(size: number, table: Readonly<Record<string, Register>>, watcher: RegisterWatcher) {
    this.size = size;
    this.#words = new Int32Array(size >>> 2);
    this.#watcher = watcher;
    for (const [name, register] of Object.entries(table)) {
      for (let index = 0; index < register.length; index++) {
        const offset = register.at(index);
        const { access, reset = 0 } = register;
        this.#entries.set(offset, { name, index, access, word: offset >>> 2, reset });
      }
      this.#addAliases(register);
    }
    this.reset();
  }

  onRead(register: Register, hook: ReadHook): void {
    for (const entry of this.#all(register)) entry.onRead = hook;
  }

  onWrite(register: Register, hook: WriteHook): void {
    for (const entry of this.#all(register)) entry.onWrite = hook;
  }

  /** The stored value, without side effects, as an int32. */
  get(register: Register, index = 0): number {
    return this.#words[register.at(index) >>> 2];
  }

  /** Stores a value, without side effects. */
  set(register: Register, value: number, index = 0): void {
    this.#words[register.at(index) >>> 2] = value;
  }

  /** Puts the reset value into every register. */
  reset(): void {
    this.#words.fill(0);
    for (const entry of this.#entries.values()) this.#words[entry.word] = entry.reset;
  }

  /** A driver's read; unsigned. */
  read(offset: number): number {
    const entry = this.#entries.get(offset);
    if (!entry) {
      this.#watcher.unknownRegister(offset, false);
      return 0;
    }
    const stored = this.#words[entry.word];
    const value = entry.onRead ? entry.onRead(stored, entry.index) : stored;
    switch (entry.access) {
      case 'WO':
        this.#watcher.writeOnlyRead(entry.name, entry.index);
        return 0;
      case 'RC':
      case 'RC/W1C':
        if (!entry.onRead) this.#words[entry.word] = 0;
        return value >>> 0;
      default:
        return value >>> 0;
    }
  }

  /** A driver's write of an int32. */
  write(offset: number, value: number): void {
    const entry = this.#entries.get(offset);
    if (!entry) {
      this.#watcher.unknownRegister(offset, true);
      return;
    }
    if (entry.access === 'RO' || entry.access === 'RC') {
      this.#watcher.readOnlyWritten(entry.name, entry.index, value);
      return;
    }
    const before = this.#words[entry.word];
    const combined = combine(entry.access, before, value | 0);
    this.#words[entry.word] = entry.onWrite ? entry.onWrite(combined, before, entry.index, value | 0) : combined;
  }

  #addAliases(register: Register): void {
    const { offset = 0, stride = 4, count = 0 } = register.also ?? {};
    for (let index = 0; index < count; index++) {
      const entry = this.#entries.get(register.at(index));
      if (entry) this.#entries.set(offset + stride * index, entry);
    }
  }

  *#all(register: Register): Iterable<Entry> {
    for (let index = 0; index < register.length; index++) {
      const entry = this.#entries.get(register.at(index));
      if (entry) yield entry;
    }
  }
}

function combine(access: AccessMode, before: number, written: number): number {
  switch (access) {
    case 'RW1C':
    case 'RC/W1C':
      return before & ~written;
    case 'W1S':
      return before | written;
    default:
      return written;
  }
}
