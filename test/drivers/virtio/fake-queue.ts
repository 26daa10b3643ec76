/** The device's side of a virtqueue, straight from the specification (virtio 1.2, sections 2.7 and 2.8). */
import type { FakeDomain } from './fake-memory.ts';

export interface Part {
  readonly bytes: DataView;
  /** The device may write it. */
  readonly writable: boolean;
}

/** A buffer that the driver made available. */
export interface Buffer {
  readonly id: number;
  readonly parts: readonly Part[];
}

export interface FakeQueue {
  /** The next buffer, if there is one. */
  take(): Buffer | undefined;
  /** Gives one back, as `id` if that is to differ. */
  use(buffer: Buffer, length: number, id?: number): void;
  /** Whether the driver wanted to be interrupted for the last buffer used, or for the next if none was. */
  readonly interrupting: boolean;
}

interface Setup {
  readonly domain: FakeDomain;
  readonly size: number;
  readonly eventIndex: boolean;
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
}

const NEXT = 1;
const WRITE = 2;

export class FakeSplitQueue implements FakeQueue {
  readonly #setup: Setup;
  #taken = 0;
  #used = 0;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  get interrupting(): boolean {
    const { eventIndex, size } = this.#setup;
    if (!eventIndex) return this.#driver().getUint16(0, true) === 0;
    return this.#driver().getUint16(4 + 2 * size, true) === ((this.#used - 1) & 0xffff);
  }

  take(): Buffer | undefined {
    const { size } = this.#setup;
    const driver = this.#driver();
    if (driver.getUint16(2, true) === this.#taken) return undefined;
    const id = driver.getUint16(4 + 2 * (this.#taken % size), true);
    this.#taken = (this.#taken + 1) & 0xffff;
    return { id, parts: this.#chain(id) };
  }

  use(buffer: Buffer, length: number, id = buffer.id): void {
    const { domain, device, size } = this.#setup;
    const used = domain.at(device, 6 + 8 * size);
    used.setUint32(4 + 8 * (this.#used % size), id, true);
    used.setUint32(8 + 8 * (this.#used % size), length, true);
    this.#used = (this.#used + 1) & 0xffff;
    used.setUint16(2, this.#used, true);
  }

  /** Moves the index on without a buffer. */
  jump(count: number): void {
    const { domain, device, size } = this.#setup;
    this.#used = (this.#used + count) & 0xffff;
    domain.at(device, 6 + 8 * size).setUint16(2, this.#used, true);
  }

  #driver(): DataView {
    const { domain, driver, size } = this.#setup;
    return domain.at(driver, 6 + 2 * size);
  }

  #chain(head: number): Part[] {
    const { domain, descriptors, size } = this.#setup;
    const table = domain.at(descriptors, 16 * size);
    const parts: Part[] = [];
    for (let at = head; parts.length < size; at = table.getUint16(16 * at + 14, true)) {
      const flags = table.getUint16(16 * at + 12, true);
      const address = Number(table.getBigUint64(16 * at, true));
      const bytes = domain.at(address, table.getUint32(16 * at + 8, true));
      parts.push({ bytes, writable: (flags & WRITE) !== 0 });
      if ((flags & NEXT) === 0) break;
    }
    return parts;
  }
}

const AVAIL = 1 << 7;
const USED = 1 << 15;

export class FakePackedQueue implements FakeQueue {
  readonly #setup: Setup;
  #next = 0;
  #wrap = true;
  #used = 0;
  #usedWrap = true;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  get interrupting(): boolean {
    return this.#setup.domain.at(this.#setup.driver, 4).getUint16(2, true) !== 1;
  }

  take(): Buffer | undefined {
    const ring = this.#ring();
    const flags = ring.getUint16(16 * this.#next + 14, true);
    if (((flags & AVAIL) !== 0) !== this.#wrap || ((flags & USED) !== 0) === this.#wrap) return undefined;
    const parts: Part[] = [];
    for (;;) {
      const at = 16 * this.#next;
      const current = ring.getUint16(at + 14, true);
      const bytes = this.#setup.domain.at(Number(ring.getBigUint64(at, true)), ring.getUint32(at + 8, true));
      parts.push({ bytes, writable: (current & WRITE) !== 0 });
      if (++this.#next === this.#setup.size) {
        this.#next = 0;
        this.#wrap = !this.#wrap;
      }
      if ((current & NEXT) === 0) return { id: ring.getUint16(at + 12, true), parts };
    }
  }

  use(buffer: Buffer, length: number, id = buffer.id): void {
    const ring = this.#ring();
    const at = 16 * this.#used;
    ring.setUint32(at + 8, length, true);
    ring.setUint16(at + 12, id, true);
    ring.setUint16(at + 14, this.#usedWrap ? AVAIL | USED : 0, true);
    this.#used += buffer.parts.length;
    if (this.#used < this.#setup.size) return;
    this.#used -= this.#setup.size;
    this.#usedWrap = !this.#usedWrap;
  }

  #ring(): DataView {
    return this.#setup.domain.at(this.#setup.descriptors, 16 * this.#setup.size);
  }
}
