/** A device's interrupts as eventfds of the client: messages (MSI-X or MSI) by vector, and the line, which masks itself. */
import { readlinkSync } from 'node:fs';
import { errorMessage } from '../../errors.ts';
import { hexadecimal } from '../../hexadecimal.ts';
import { addon } from '../../native/addon.ts';
import { setNonBlocking } from '../../pci/vfio-user/descriptors.ts';
import {
  IRQ,
  IRQ_AUTOMASKED,
  IRQ_DATA_BOOL,
  IRQ_DATA_EVENTFD,
  IRQ_DATA_NONE,
  IRQ_EVENTFD,
  IRQ_MASK,
  IRQ_MASKABLE,
  IRQ_TRIGGER,
  IRQ_UNMASK,
} from '../../pci/vfio-user/payloads.ts';
import type { DeviceModel } from '../device-model.ts';
import { findCapability, MSIX_ENABLE, type MsixCapability, msixCapability } from '../msix-capability.ts';
import { maskMsixVector } from '../msix-setup.ts';
import { Refusal } from './refusal.ts';

/** A client's SET_IRQS. */
interface InterruptRequest {
  readonly flags: number;
  readonly index: number;
  readonly start: number;
  readonly count: number;
  /** With IRQ_DATA_BOOL, one for each vector. */
  readonly chosen: Uint8Array;
}

const NONE = -1;
const INTERRUPT_PIN = 0x3c;
const MSI_CAPABILITY_ID = 0x05;
const MSI_ENABLE = 1;
const EVENTFD = 'anon_inode:[eventfd]';
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

export class InterruptEvents {
  /** Interrupts that clients were told of. */
  sent = 0;
  /** Told of each interrupt of the device: a vector, or 0 for the line. */
  onInterrupt: (vector: number) => void = () => {};
  readonly #model: DeviceModel;
  readonly #capability: MsixCapability | undefined;
  /** Offset of MSI's message control. */
  readonly #msiControl: number | undefined;
  /** Eventfds by vector, for each kind of interrupt that the device has; `NONE` where there is none. */
  readonly #events: ReadonlyMap<number, Int32Array>;
  /** What is to be announced, by its eventfd. */
  readonly #due = new Set<number>();
  #lineMasked = false;

  constructor(model: DeviceModel) {
    this.#model = model;
    const { config } = model;
    this.#capability = msixCapability(config);
    const msi = findCapability(config, MSI_CAPABILITY_ID);
    this.#msiControl = msi === undefined ? undefined : msi + 2;
    this.#events = new Map([
      [IRQ.intx, events((config.load32(INTERRUPT_PIN) >>> 8) & 0xff ? 1 : 0)],
      [IRQ.msi, events(msi === undefined ? 0 : 1)],
      [IRQ.msix, events(this.#capability?.vectors ?? 0)],
    ]);
    model.onInterrupt = (vector) => this.#interrupt(vector);
  }

  /** Vectors of this kind, and what they can do. */
  info(index: number): { readonly count: number; readonly flags: number } {
    const count = this.#eventsOf(index).length;
    if (count === 0) return { count, flags: 0 };
    return { count, flags: index === IRQ.intx ? IRQ_EVENTFD | IRQ_MASKABLE | IRQ_AUTOMASKED : IRQ_EVENTFD };
  }

  /**
   * Does what the client asks for, and takes the `descriptors` that it uses out of the list. Throws `Refusal`, with
   * nothing changed.
   */
  set(request: InterruptRequest, descriptors: number[]): void {
    const { flags, index, start, count } = request;
    const known = this.#eventsOf(index).length;
    if (start + count > known) throw refused(`vectors ${start} … ${start + count - 1} of ${known}`, request);
    switch (flags) {
      case IRQ_DATA_EVENTFD | IRQ_TRIGGER:
        this.#setEvents(request, descriptors);
        break;
      case IRQ_DATA_NONE | IRQ_TRIGGER:
        if (count === 0) this.#disable(index);
        else this.#trigger(request, () => true);
        break;
      case IRQ_DATA_BOOL | IRQ_TRIGGER:
        this.#trigger(request, (i) => request.chosen[i] !== 0);
        break;
      default:
        this.#mask(request);
    }
  }

  /** Tells the client of what has come meanwhile. To be called when its memory says so too. */
  announce(): void {
    if (this.#due.size === 0) return;
    for (const event of this.#due) {
      this.sent++;
      addon().write(event, ONE, 0, ONE.length);
    }
    this.#due.clear();
  }

  /** The device was reset, and has forgotten what the client has set up here. */
  restore(): void {
    this.#lineMasked = false;
    for (const [vector, event] of this.#eventsOf(IRQ.msix).entries()) if (event !== NONE) this.#maskMsix(vector, false);
  }

  /** Forgets the client: its eventfds are closed. */
  clear(): void {
    for (const index of this.#events.keys()) this.#disable(index);
    this.#lineMasked = false;
  }

  #eventsOf(index: number): Int32Array {
    return this.#events.get(index) ?? NO_EVENTS;
  }

  /** The model says so: a message by its vector, or, with messages disabled, the line. */
  #interrupt(vector: number): void {
    this.onInterrupt(vector);
    if (this.#messagesEnabled()) this.#raise(IRQ.msix, vector);
    else if (this.#eventsOf(IRQ.msi)[0] > NONE) this.#raise(IRQ.msi, 0);
    else this.#raiseLine();
  }

  #messagesEnabled(): boolean {
    const capability = this.#capability;
    return capability !== undefined && ((this.#model.config.load32(capability.control - 2) >>> 16) & MSIX_ENABLE) !== 0;
  }

  #raise(index: number, vector: number): void {
    const event = this.#eventsOf(index)[vector];
    if (event > NONE) this.#due.add(event);
  }

  /** It masks itself until the client has seen to it; then `#unmaskLine` looks whether it still is asserted. */
  #raiseLine(): void {
    if (this.#lineMasked) return;
    this.#lineMasked = true;
    this.#raise(IRQ.intx, 0);
  }

  #unmaskLine(): void {
    this.#lineMasked = false;
    if (this.#model.lineAsserted) this.#raiseLine();
  }

  #setEvents(request: InterruptRequest, descriptors: number[]): void {
    const { index, start, count } = request;
    if (descriptors.length > 0 && descriptors.length !== count) {
      throw refused(`${count} vectors with ${descriptors.length} descriptors`, request);
    }
    descriptors.forEach(prepare);
    const taken = descriptors.splice(0);
    for (let i = 0; i < count; i++) this.#setEvent(index, start + i, taken[i] ?? NONE);
  }

  #setEvent(index: number, vector: number, event: number): void {
    const all = this.#eventsOf(index);
    this.#close(all[vector]);
    all[vector] = event;
    if (index === IRQ.intx) this.#unmaskLine();
    if (event !== NONE) this.#enable(index, true);
    if (index === IRQ.msix) this.#maskMsix(vector, event === NONE);
  }

  #disable(index: number): void {
    const all = this.#eventsOf(index);
    for (const [vector, event] of all.entries()) {
      if (event === NONE) continue;
      all[vector] = NONE;
      this.#close(event);
      if (index === IRQ.msix) this.#maskMsix(vector, true);
    }
    this.#enable(index, false);
  }

  #close(event: number): void {
    if (event === NONE) return;
    this.#due.delete(event);
    addon().close(event);
  }

  #trigger({ index, start, count }: InterruptRequest, chosen: (i: number) => boolean): void {
    for (let i = 0; i < count; i++) if (chosen(i)) this.#raise(index, start + i);
  }

  #mask(request: InterruptRequest): void {
    const { flags, index, count, chosen } = request;
    const all = (flags & IRQ_DATA_NONE) !== 0;
    const data = flags & (IRQ_DATA_NONE | IRQ_DATA_BOOL);
    const action = flags & ~data;
    const known = (data === IRQ_DATA_NONE || data === IRQ_DATA_BOOL) && (action === IRQ_MASK || action === IRQ_UNMASK);
    if (!known || index !== IRQ.intx || count !== 1) throw refused(`flags ${hexadecimal(flags)}`, request);
    if (!all && chosen[0] === 0) return;
    if (action === IRQ_MASK) this.#lineMasked = true;
    else this.#unmaskLine();
  }

  /** The client keeps the table: with an eventfd, a vector may fire. */
  #maskMsix(vector: number, masked: boolean): void {
    const capability = this.#capability;
    if (capability) maskMsixVector(this.#model, capability, vector, masked);
  }

  /** As with the kernel's VFIO, who asks for messages need not enable them in configuration space as well. */
  #enable(index: number, enabled: boolean): void {
    if (index === IRQ.msix) this.#setBit(this.#capability?.control, MSIX_ENABLE, enabled);
    if (index === IRQ.msi) this.#setBit(this.#msiControl, MSI_ENABLE, enabled);
  }

  #setBit(control: number | undefined, bit: number, set: boolean): void {
    if (control === undefined) return;
    const { config } = this.#model;
    const others = config.read16(control) & ~bit;
    config.write16(control, set ? others | bit : others);
  }
}

const NO_EVENTS = new Int32Array(0);

function events(count: number): Int32Array {
  return new Int32Array(count).fill(NONE);
}

/** Adding to an eventfd must never block; of anything else, nobody knows what writing to it does. */
function prepare(descriptor: number): void {
  const target = readlinkSync(`/proc/self/fd/${descriptor}`);
  if (target !== EVENTFD) throw new Refusal('EINVAL', `SET_IRQS: the descriptors must be eventfds, found ${target}`);
  try {
    setNonBlocking(descriptor);
  } catch (error) {
    throw new Refusal('EINVAL', `SET_IRQS: ${errorMessage(error)}`);
  }
}

function refused(found: string, { index }: InterruptRequest): Refusal {
  return new Refusal('EINVAL', `SET_IRQS of kind ${index}: ${found}`);
}
