/** The device status field and resets (virtio 1.2, sections 2.1, 2.4 and 3.1). */
import {
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FAILED,
  STATUS_FEATURES_OK,
  STATUS_NEEDS_RESET,
} from '../../datasheet/virtio/features.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import type { VirtioContext } from './context.ts';
import type { Negotiation } from './negotiation.ts';

/** Each of these needs the one before it. FEATURES_OK is not known to the legacy interface. */
const ORDER = [STATUS_ACKNOWLEDGE, STATUS_DRIVER, STATUS_FEATURES_OK, STATUS_DRIVER_OK];
const KNOWN = ORDER.reduce((all, bit) => all | bit, STATUS_FAILED | STATUS_NEEDS_RESET);

/** What happens to the rest of the device. */
interface StatusEvents {
  /** The driver resets it: it is as when it was made, but for PCI. */
  reset(): void;
  /** DRIVER_OK. */
  started(): void;
  /** DEVICE_NEEDS_RESET was set after DRIVER_OK: the driver wants to hear of it (2.1.2). */
  failed(): void;
}

export class DeviceStatus {
  /** Whether the device may look at its queues: from DRIVER_OK until it needs a reset. */
  live = false;
  readonly #context: VirtioContext;
  readonly #negotiation: Negotiation;
  readonly #events: StatusEvents;
  #status = 0;
  /** A reset that never ends: the status reads so whatever happens. */
  #stuck = 0;
  #resetUnread = false;
  #featuresUnread = false;

  constructor(context: VirtioContext, negotiation: Negotiation, events: StatusEvents) {
    this.#context = context;
    this.#negotiation = negotiation;
    this.#events = events;
  }

  has(bit: number): boolean {
    return (this.#status & bit) !== 0;
  }

  /** The driver's read. */
  read(): number {
    if (this.live && this.#context.faults.strikes('needs-reset')) this.needReset();
    this.#resetUnread = false;
    this.#featuresUnread = false;
    return this.#status | this.#stuck;
  }

  /** The driver's write; `legacy`: by the legacy interface. */
  write(value: number, legacy: boolean): void {
    if (value === 0) this.#reset(legacy);
    else this.#set(value, legacy);
  }

  /** The device cannot go on: DEVICE_NEEDS_RESET. */
  needReset(): void {
    if (this.has(STATUS_NEEDS_RESET)) return;
    this.#status |= STATUS_NEEDS_RESET;
    this.live = false;
    if (this.has(STATUS_DRIVER_OK)) this.#events.failed();
  }

  /** As when the device was made. */
  clear(): void {
    this.#status = 0;
    this.#stuck = 0;
    this.#resetUnread = false;
    this.#featuresUnread = false;
    this.live = false;
  }

  #reset(legacy: boolean): void {
    const before = this.#status;
    this.clear();
    if (this.#context.faults.strikes('stuck-reset')) this.#stuck = before | STATUS_ACKNOWLEDGE;
    this.#resetUnread = !legacy;
    this.#events.reset();
  }

  #set(value: number, legacy: boolean): void {
    const before = this.#status;
    const known = legacy ? KNOWN & ~STATUS_FEATURES_OK : KNOWN;
    this.#inspect(value, known, legacy);
    this.#status = (value & known & ~STATUS_NEEDS_RESET) | (before & STATUS_NEEDS_RESET);
    const fresh = this.#status & ~before;
    if ((fresh & STATUS_FEATURES_OK) !== 0) this.#sealFeatures();
    this.live = this.has(STATUS_DRIVER_OK) && !this.has(STATUS_NEEDS_RESET);
    if ((fresh & STATUS_DRIVER_OK) === 0) return;
    if (legacy) this.#negotiation.settle();
    this.#events.started();
  }

  #sealFeatures(): void {
    this.#featuresUnread = true;
    const refused = this.#context.faults.strikes('features-refused');
    if (!this.#negotiation.acceptable() || refused) this.#status &= ~STATUS_FEATURES_OK;
  }

  #inspect(value: number, known: number, legacy: boolean): void {
    const before = this.#status;
    const fresh = value & ~before;
    const cleared = before & ~value & ~STATUS_NEEDS_RESET;
    if (cleared !== 0) this.#record('status.cleared', cleared);
    if ((fresh & ~known) !== 0 || (fresh & STATUS_NEEDS_RESET) !== 0) this.#record('status.unknown-bit', fresh);
    if (this.#resetUnread) this.#record('reset.not-awaited', value);
    if ((before & STATUS_FAILED) !== 0) this.#record('status.failed', value);
    const order = legacy ? ORDER.filter((bit) => bit !== STATUS_FEATURES_OK) : ORDER;
    for (const [i, bit] of order.entries()) {
      if ((fresh & bit) !== 0 && i > 0 && (value & order[i - 1]) === 0) this.#record('status.order', value);
    }
    const starts = (fresh & STATUS_DRIVER_OK) !== 0 && !legacy;
    if (starts && (this.#featuresUnread || (fresh & STATUS_FEATURES_OK) !== 0)) {
      this.#record('status.features-unread', value);
    }
  }

  #record(
    rule:
      | 'status.cleared'
      | 'status.unknown-bit'
      | 'status.failed'
      | 'status.order'
      | 'status.features-unread'
      | 'reset.not-awaited',
    value: number,
  ): void {
    this.#context.judge.record(rule, { register: 'device_status', found: `${hexadecimal(value)}` });
  }
}
