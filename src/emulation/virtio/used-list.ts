/** Buffers that the device has used and not yet shown to the driver, in the order in which they were used. */
import type { RingFaults } from './ring-faults.ts';

export class UsedList {
  count = 0;
  readonly ids: Int32Array;
  /** Bytes that the device says it has written. */
  readonly lengths: Int32Array;
  /** Bytes that it could have written. */
  readonly capacities: Int32Array;
  /** Descriptors in the chain. */
  readonly descriptors: Int32Array;
  #lastId = 0;

  constructor(size: number) {
    this.ids = new Int32Array(size);
    this.lengths = new Int32Array(size);
    this.capacities = new Int32Array(size);
    this.descriptors = new Int32Array(size);
  }

  push(id: number, length: number, capacity: number, descriptors: number): void {
    const { count } = this;
    this.ids[count] = id;
    this.lengths[count] = length;
    this.capacities[count] = capacity;
    this.descriptors[count] = descriptors;
    this.count = count + 1;
  }

  /** Whether the driver learns what it must know of buffer i without an element of its own: it is used completely. */
  mayBeSkipped(i: number): boolean {
    return i < this.count - 1 && this.lengths[i] === this.capacities[i];
  }

  /** Injected faults strike each buffer before the driver sees it. */
  misbehave(faults: RingFaults, size: number): void {
    for (let i = 0; i < this.count; i++) {
      const long = faults.strikes('used-length-too-long');
      if (long) this.lengths[i] = this.capacities[i] + (long.excess ?? 1);
      const unknown = faults.strikes('used-id-out-of-range');
      if (unknown) this.ids[i] = unknown.id ?? size;
      if (faults.strikes('used-id-twice')) this.ids[i] = this.#lastId;
      this.#lastId = this.ids[i];
    }
  }
}
