/** The device's side of a packed virtqueue, by virtio 1.2, section 2.8, and of nothing else; it finds breaches of the rules. */
import type { QueueAddresses } from '../../../src/drivers/virtio/transport.ts';
import type { FakeDomain } from './fake-memory.ts';
import type { Buffer, RingDevice } from './split-device.ts';

const NEXT = 1;
const WRITE = 2;
const AVAIL = 1 << 7;
const USED = 1 << 15;
const EVENT_WRAP = 1 << 15;

/** A place in the ring, and the wrap counter there. */
class Position {
  place = 0;
  wrap = true;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  advance(count: number): void {
    this.place += count;
    if (this.place < this.#size) return;
    this.place -= this.#size;
    this.wrap = !this.wrap;
  }

  ahead(count: number): Position {
    const other = new Position(this.#size);
    other.place = this.place;
    other.wrap = this.wrap;
    other.advance(count);
    return other;
  }
}

export class PackedDevice implements RingDevice {
  readonly size: number;
  readonly ring: Uint32Array;
  readonly driverEvent: Uint16Array;
  readonly deviceEvent: Uint16Array;
  /** Where the next used descriptor goes. */
  readonly written: Position;
  readonly #next: Position;
  readonly #domain: FakeDomain;
  readonly #inOrder: boolean;
  /** Buffers taken and not used, with their descriptors, in order. */
  readonly #taken = new Map<number, number>();

  constructor(domain: FakeDomain, addresses: QueueAddresses, size: number, inOrder = false) {
    this.#domain = domain;
    this.#inOrder = inOrder;
    this.size = size;
    const ring = domain.at(addresses.descriptors, 16 * size);
    const driver = domain.at(addresses.driver, 4);
    const device = domain.at(addresses.device, 4);
    this.ring = new Uint32Array(ring.buffer, ring.byteOffset, 4 * size);
    this.driverEvent = new Uint16Array(driver.buffer, driver.byteOffset, 2);
    this.deviceEvent = new Uint16Array(device.buffer, device.byteOffset, 2);
    this.written = new Position(size);
    this.#next = new Position(size);
  }

  get pending(): number {
    let count = 0;
    while (count < this.size && this.#isAvailable(this.#next.ahead(count))) count++;
    return count;
  }

  take(): Buffer | undefined {
    if (!this.#isAvailable(this.#next)) return undefined;
    const first = this.#next.place;
    const pieces: Uint8Array[] = [];
    for (;;) {
      if (!this.#isAvailable(this.#next)) throw new Error(`descriptor ${this.#next.place} of a chain is not available`);
      const [low, high, length, idFlags] = this.ring.subarray(4 * this.#next.place, 4 * this.#next.place + 4);
      const flags = idFlags >>> 16;
      const id = idFlags & 0xffff;
      if ((flags & ~(NEXT | WRITE | AVAIL | USED)) !== 0) throw new Error(`flags ${flags.toString(16)}`);
      const { buffer, byteOffset } = this.#domain.at(high * 2 ** 32 + low, length);
      pieces.push(new Uint8Array(buffer, byteOffset, length));
      this.#next.advance(1);
      if ((flags & NEXT) !== 0 && pieces.length < this.size) continue;
      if (id >= this.size || this.#taken.has(id)) throw new Error(`buffer ${id} is not free`);
      if (this.#inOrder && id !== first) throw new Error(`buffer ${id} is out of order`);
      this.#taken.set(id, pieces.length);
      return { id, pieces, writable: (flags & WRITE) !== 0 };
    }
  }

  use(id: number, length: number, skip = 0): void {
    const { place, wrap } = this.written;
    let descriptors = this.#forget(id);
    for (const before of [...this.#taken.keys()].slice(0, skip)) descriptors += this.#forget(before);
    this.ring[4 * place + 2] = length;
    this.ring[4 * place + 3] = ((wrap ? AVAIL | USED : 0) << 16) | (id & 0xffff);
    this.written.advance(descriptors);
  }

  interruptsNext(): boolean {
    const [descriptor, flags] = this.driverEvent;
    const { place, wrap } = this.written;
    return flags === 0 || (flags === 2 && descriptor === (place | (wrap ? EVENT_WRAP : 0)));
  }

  hush(): void {
    this.deviceEvent[1] = 1;
  }

  listen(ahead: number, eventIndex: boolean): void {
    const { place, wrap } = this.#next.ahead(this.pending).ahead(ahead);
    this.deviceEvent[0] = place | (wrap ? EVENT_WRAP : 0);
    this.deviceEvent[1] = eventIndex ? 2 : 0;
  }

  #isAvailable({ place, wrap }: Position): boolean {
    const flags = this.ring[4 * place + 3] >>> 16;
    return ((flags & AVAIL) !== 0) === wrap && ((flags & USED) !== 0) !== wrap;
  }

  #forget(id: number): number {
    const descriptors = this.#taken.get(id) ?? 1;
    this.#taken.delete(id);
    return descriptors;
  }
}
