/** The device's queues as the driver sets them up (virtio 1.2, sections 2.6.1, 4.1.4.3, 4.1.4.10 and 4.1.5.1.3). */
import { STATUS_DRIVER_OK, STATUS_FEATURES_OK } from '../../datasheet/virtio/features.ts';
import { LEGACY_PAGE, NO_VECTOR } from '../../datasheet/virtio/pci.ts';
import { splitLayout } from '../../datasheet/virtio/split-ring.ts';
import { MICROSECOND } from '../timers.ts';
import type { VirtioContext } from './context.ts';
import { createDeviceQueue } from './create-device-queue.ts';
import type { DeviceQueue } from './device-queue.ts';
import type { Negotiation } from './negotiation.ts';
import { clearVector, type VectorChoice } from './pci/interrupts.ts';
import type { VirtioNetRule } from './rules.ts';
import type { DeviceStatus } from './status.ts';

/** From a write of queue_reset until the queue is reset: the device finishes what it is doing. */
const RESET_TIME = 10 * MICROSECOND;

/** What the driver says of one queue before it enables it. */
export interface QueueSlot {
  readonly index: number;
  size: number;
  readonly choice: VectorChoice;
  /** Descriptors, driver area and device area: low and high half of each, unsigned. */
  readonly addresses: Uint32Array;
  /** Once enabled. */
  queue: DeviceQueue | undefined;
  /** The driver has taken it back, and the device has not let go of it yet. */
  resetting: boolean;
  /** It was taken back, and may be set up once more. */
  taken: boolean;
}

export class Queues {
  readonly slots: readonly QueueSlot[];
  /** What the queue_select field says. */
  selected = 0;
  readonly #context: VirtioContext;
  readonly #negotiation: Negotiation;
  readonly #status: DeviceStatus;
  readonly #changed: (slot: QueueSlot) => void;

  /** `changed` is called when a queue has come into being, or was taken away one by one. */
  constructor(
    context: VirtioContext,
    negotiation: Negotiation,
    status: DeviceStatus,
    changed: (slot: QueueSlot) => void,
  ) {
    this.#context = context;
    this.#negotiation = negotiation;
    this.#status = status;
    this.#changed = changed;
    this.slots = Array.from({ length: negotiation.queues }, (_, index) => ({
      index,
      size: context.setup.queueSize,
      choice: { vector: NO_VECTOR, unread: false },
      addresses: new Uint32Array(6),
      queue: undefined,
      resetting: false,
      taken: false,
    }));
  }

  /** The selected queue, if there is one with the features negotiated. */
  get current(): QueueSlot | undefined {
    return this.selected < this.#negotiation.queues ? this.slots[this.selected] : undefined;
  }

  reset(): void {
    this.selected = 0;
    for (const slot of this.slots) {
      this.#clear(slot);
      slot.taken = false;
    }
  }

  /** The queue that the driver's write of the modern field `register` concerns; undefined if it must not be changed. */
  changing(register: string): QueueSlot | undefined {
    const slot = this.current;
    const place = { register, queue: this.selected };
    const { judge } = this.#context;
    if (!slot) judge.record('setup.no-queue', place);
    else if (slot.queue) judge.record('setup.while-enabled', place);
    else {
      if (!this.#status.has(STATUS_FEATURES_OK)) judge.record('setup.before-features', place);
      if (this.#status.has(STATUS_DRIVER_OK) && !slot.taken) judge.record('setup.after-start', place);
      return slot;
    }
    return undefined;
  }

  setSize(size: number): void {
    const slot = this.changing('queue_size');
    if (!slot) return;
    const { queueSize } = this.#context.setup;
    const powerOfTwo = (size & (size - 1)) === 0;
    if (size < 1 || size > queueSize || !(powerOfTwo || this.#negotiation.has('RING_PACKED'))) {
      this.#record('setup.size', slot, `${size} of ${queueSize}`);
      return;
    }
    slot.size = size;
  }

  /** The modern interface: the driver has said where everything lies. */
  enable(): void {
    const slot = this.changing('queue_enable');
    if (!slot) return;
    const address = (part: number): number => slot.addresses[2 * part] + slot.addresses[2 * part + 1] * 2 ** 32;
    if (slot.taken && slot.choice.unread) this.#record('vector.unread', slot, 'queue_msix_vector');
    this.#create(slot, address(0), address(1), address(2));
  }

  /** RING_RESET: the driver takes the selected queue back (2.6.1.1), which is then as after a reset of the device. */
  takeBack(value: number): void {
    const slot = this.current;
    const negotiated = this.#negotiation.has('RING_RESET');
    if (!slot?.queue || value !== 1 || !negotiated) {
      this.#context.judge.record('setup.reset', { queue: this.selected, found: `${value}` });
      return;
    }
    slot.resetting = true;
    this.#context.timers.after(RESET_TIME, () => {
      if (!slot.resetting) return; // the whole device was reset meanwhile
      this.#clear(slot);
      slot.taken = true;
      this.#changed(slot);
    });
  }

  /** The legacy interface: the page that the queue begins at, or 0 to take it away. */
  setPage(page: number): void {
    const slot = this.current;
    if (!slot) {
      this.#context.judge.record('setup.no-queue', { register: 'queue_address', queue: this.selected });
      return;
    }
    if (slot.queue && page !== 0) this.#record('setup.while-enabled', slot, 'queue_address');
    if (slot.queue) {
      slot.queue = undefined;
      this.#changed(slot);
    }
    slot.addresses[0] = page;
    if (page === 0) return;
    if (this.#status.has(STATUS_DRIVER_OK)) this.#record('setup.after-start', slot, 'queue_address');
    this.#negotiation.settle();
    const begin = page * LEGACY_PAGE;
    const { available, used } = splitLayout(slot.size, LEGACY_PAGE);
    this.#create(slot, begin, begin + available, begin + used);
  }

  /** The driver has notified the device of a queue. */
  notify(index: number): void {
    const place = { queue: index };
    const { judge, regions } = this.#context;
    regions.renew();
    if (!this.#status.has(STATUS_DRIVER_OK)) judge.record('notify.early', place);
    if (index >= this.#negotiation.queues) judge.record('notify.no-queue', place);
    const queue = this.slots[index]?.queue;
    if (queue) queue.kicked();
    else judge.record('notify.not-enabled', place);
  }

  /** The device starts: what should have been looked at by now? */
  inspect(): void {
    for (const slot of this.slots) {
      if (slot.queue && slot.choice.unread) this.#record('vector.unread', slot, 'queue_msix_vector');
    }
  }

  /** What QUEUE_ADDRESS reads as. */
  get page(): number {
    return this.current?.addresses[0] ?? 0;
  }

  #clear(slot: QueueSlot): void {
    slot.queue = undefined;
    slot.resetting = false;
    slot.size = this.#context.setup.queueSize;
    clearVector(slot.choice);
    slot.addresses.fill(0);
  }

  #create(slot: QueueSlot, descriptors: number, driver: number, device: number): void {
    const { index, size } = slot;
    const { features } = this.#negotiation;
    const { batchesUsed } = this.#context.setup;
    slot.queue = createDeviceQueue(this.#context, { index, size, descriptors, driver, device, features, batchesUsed });
    this.#changed(slot);
  }

  #record(rule: VirtioNetRule, { index }: QueueSlot, found: string): void {
    this.#context.judge.record(rule, { queue: index, found });
  }
}
