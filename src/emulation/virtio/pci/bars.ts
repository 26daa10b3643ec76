/** The device's BARs: which access goes where (virtio 1.2, sections 4.1.4 and 4.1.5.2). */
import type { AccessBytes, ModelBar } from '../../device-model.ts';
import { CommonRegisters, type DeviceParts } from './common-registers.ts';
import {
  LEGACY_BAR,
  LEGACY_BAR_SIZE,
  MODERN_BAR,
  MODERN_BAR_SIZE,
  MSIX_BAR,
  msixLayout,
  NOTIFY_MULTIPLIER,
  STRUCTURES,
  type Structure,
} from './config.ts';
import type { FieldWatcher } from './field-space.ts';
import { LegacyRegisters } from './legacy-registers.ts';

/** Content of a doorbell that has not rung: no queue has such an index. */
const QUIET = -1;
const QUIET_HALF = 0xffff;
const NO_DOORBELLS = new Int32Array(0);
const { common, isr, device, notify } = STRUCTURES;

export class Bars {
  readonly all: ReadonlyMap<number, ModelBar>;
  readonly #parts: DeviceParts;
  readonly #watcher: FieldWatcher;
  readonly #common: CommonRegisters;
  readonly #legacy: LegacyRegisters;
  /** Notifications as plain stores; see `RegisterFile.doorbells`. */
  readonly #ownDoorbells: Int32Array;
  #doorbells: Int32Array;

  constructor(parts: DeviceParts, watcher: FieldWatcher) {
    this.#parts = parts;
    this.#watcher = watcher;
    this.#common = new CommonRegisters(parts, watcher);
    this.#legacy = new LegacyRegisters(parts, watcher, (queue) => parts.queues.notify(queue));
    const { kind, vectors } = parts.context.setup;
    const bars = new Map<number, ModelBar>();
    if (kind !== 'modern') bars.set(LEGACY_BAR, { size: LEGACY_BAR_SIZE, narrow: true, doorbells: NO_DOORBELLS });
    if (vectors > 0) bars.set(MSIX_BAR, { size: msixLayout(vectors).barSize, narrow: false, doorbells: NO_DOORBELLS });
    const modern = kind !== 'legacy';
    const doorbells = new Int32Array(new SharedArrayBuffer(modern ? MODERN_BAR_SIZE : 0)).fill(QUIET);
    if (modern) bars.set(MODERN_BAR, { size: MODERN_BAR_SIZE, narrow: true, doorbells });
    this.#ownDoorbells = doorbells;
    this.#doorbells = doorbells;
    this.all = bars;
  }

  /** As after a reset of the device. */
  reset(): void {
    this.#common.reset();
    this.#doorbells.fill(QUIET);
  }

  read(bar: number, offset: number, bytes: AccessBytes): number {
    const { interrupts } = this.#parts;
    if (bar === MSIX_BAR) return interrupts.msix?.read(offset) ?? 0;
    return bar === LEGACY_BAR ? this.#legacy.read(offset, bytes) : this.#readModern(offset, bytes);
  }

  write(bar: number, offset: number, bytes: AccessBytes, value: number): void {
    const { interrupts } = this.#parts;
    if (bar === MSIX_BAR) interrupts.msix?.write(offset, value);
    else if (bar === LEGACY_BAR) this.#legacy.write(offset, bytes, value);
    else this.#writeModern(offset, bytes, value);
  }

  /** See `DeviceModel.pollDoorbells`. */
  pollDoorbells(doorbells = this.#ownDoorbells): void {
    this.#doorbells = doorbells.fill(QUIET);
  }

  /** Sees which doorbells have rung. */
  listen(): void {
    const doorbells = this.#doorbells;
    if (doorbells.length === 0) return;
    const queues = this.#parts.queues.slots.length;
    const first = notify.offset >>> 2;
    for (let queue = 0; queue < queues; queue++) {
      if (doorbells[first + queue] === QUIET) continue;
      this.#ring(queue, Atomics.exchange(doorbells, first + queue, QUIET));
    }
  }

  #readModern(offset: number, bytes: AccessBytes): number {
    if (contains(common, offset)) return this.#common.fields.read(offset, bytes);
    if (contains(device, offset)) return this.#parts.netConfig.registers.read(offset - device.offset, bytes);
    if (offset === isr.offset) {
      if (bytes === 1) return this.#parts.interrupts.readCauses();
      this.#watcher.wrongWidth('isr_status', bytes);
    } else if (!contains(notify, offset)) this.#watcher.unknownField(offset, false);
    return 0;
  }

  #writeModern(offset: number, bytes: AccessBytes, value: number): void {
    if (contains(common, offset)) this.#common.fields.write(offset, bytes, value);
    else if (contains(device, offset)) this.#parts.netConfig.registers.write(offset - device.offset, bytes, value);
    else if (contains(notify, offset)) this.#notify(offset - notify.offset, bytes, value);
    else if (offset === isr.offset) this.#watcher.readOnlyWritten('isr_status', value >>> 0);
    else this.#watcher.unknownField(offset, true);
  }

  #notify(offset: number, bytes: AccessBytes, value: number): void {
    if (bytes !== 2) this.#parts.context.judge.record('notify.width', { found: `${bytes} bytes` });
    else this.#noteNotification(Math.floor(offset / NOTIFY_MULTIPLIER), offset % NOTIFY_MULTIPLIER === 0, value);
  }

  /** A doorbell's content after it has rung: only its lower half may have been written. */
  #ring(queue: number, content: number): void {
    if (content >>> 16 !== QUIET_HALF) this.#parts.context.judge.record('notify.width', { queue, found: '4 bytes' });
    this.#noteNotification(queue, true, content & 0xffff);
  }

  #noteNotification(queue: number, aligned: boolean, value: number): void {
    const { context, queues } = this.#parts;
    if (!aligned || value !== queue) {
      context.judge.record('notify.value', { queue, found: `${value} at the address of queue ${queue}` });
      return;
    }
    queues.notify(queue);
  }
}

function contains({ offset: begin, size }: Structure, offset: number): boolean {
  return offset >= begin && offset < begin + size;
}
