/**
 * Registers of different widths: a field answers to accesses at its own offset and as wide as itself, and to no others
 * (virtio 1.2, section 4.1.3.1).
 */
import type { AccessBytes } from '../../device-model.ts';

export interface RegisterField {
  readonly name: string;
  /** In bytes. */
  readonly offset: number;
  readonly bytes: AccessBytes;
  /** A driver's read; unsigned. */
  readonly read: () => number;
  /** A driver's write of an unsigned value. Absent where the field is read-only. */
  readonly write?: (value: number) => void;
}

/** Told of accesses that break a rule. */
export interface FieldWatcher {
  unknownField(offset: number, write: boolean): void;
  wrongWidth(name: string, bytes: number): void;
  readOnlyWritten(name: string, value: number): void;
}

export class FieldSpace {
  /** By each byte that they cover. */
  readonly #fields = new Map<number, RegisterField>();
  readonly #watcher: FieldWatcher;

  constructor(fields: readonly RegisterField[], watcher: FieldWatcher) {
    this.#watcher = watcher;
    for (const field of fields) {
      for (let byte = 0; byte < field.bytes; byte++) this.#fields.set(field.offset + byte, field);
    }
  }

  /** What breaks a rule reads as 0. */
  read(offset: number, bytes: AccessBytes): number {
    return this.#find(offset, bytes, false)?.read() ?? 0;
  }

  /** What breaks a rule is not written. */
  write(offset: number, bytes: AccessBytes, value: number): void {
    const field = this.#find(offset, bytes, true);
    if (!field) return;
    if (field.write) field.write(value >>> 0);
    else this.#watcher.readOnlyWritten(field.name, value >>> 0);
  }

  #find(offset: number, bytes: AccessBytes, write: boolean): RegisterField | undefined {
    const field = this.#fields.get(offset);
    if (field && field.offset === offset && field.bytes === bytes) return field;
    if (field) this.#watcher.wrongWidth(field.name, bytes);
    else this.#watcher.unknownField(offset, write);
    return undefined;
  }
}
