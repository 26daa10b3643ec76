/**
 * Frames between the wire and the pairs of queues (virtio 1.2, sections 5.1.6.2 … 5.1.6.4): which pair, whether at all, and
 * whom to tell. It is the sink that the wire hands its frames to.
 */
import type { FeatureSet } from '../../../datasheet/virtio/features.ts';
import type { FrameSink, WireEnd } from '../../wire.ts';
import type { VirtioContext } from '../context.ts';
import type { DeviceQueue } from '../device-queue.ts';
import { SMALLEST_FRAME } from '../net-header.ts';
import { NetReceive } from '../net-receive.ts';
import { NetTransmit } from '../net-transmit.ts';
import type { VirtioInterrupts } from '../pci/interrupts.ts';
import type { QueueSlot } from '../queues.ts';
import type { ReceiveFilter } from './filter.ts';
import type { Steering } from './steering.ts';

const ETHERNET_HEADER = 14;
const VLAN_TAG = 4;
const VLAN_TYPE_HIGH = 0x81;

/** A queue in use, and whether the driver shall notify the device of what it makes available there. */
class Attached<Path extends { readonly queue: DeviceQueue }> {
  readonly slot: QueueSlot;
  readonly path: Path;
  readonly #context: VirtioContext;
  #polled = false;
  /** When the device last found something to do. */
  #busyAt = 0;

  constructor(context: VirtioContext, slot: QueueSlot, path: Path) {
    this.#context = context;
    this.slot = slot;
    this.path = path;
  }

  /** The device found something in the queue, and looks again by itself; or not, and sooner or later wants to be told. */
  found(something: boolean): void {
    const { timers, setup } = this.#context;
    if (something) this.#busyAt = timers.now;
    if (something === this.#polled || (!something && timers.now - this.#busyAt < setup.pollTime)) return;
    this.#polled = something;
    this.path.queue.wantKicks(!something);
  }
}

export class Traffic implements FrameSink {
  readonly #context: VirtioContext;
  readonly #interrupts: VirtioInterrupts;
  readonly #filter: ReceiveFilter;
  readonly #steering: Steering;
  readonly #outlet: Outlet;
  /** By pair; those that are not enabled are missing. */
  #receivers: (Attached<NetReceive> | undefined)[] = [];
  #transmitters: (Attached<NetTransmit> | undefined)[] = [];
  /** Which of the transmit queues goes first in the next burst. */
  #turn = 0;
  #discarded = 0;
  /** The driver has had buffers for frames: until then they stay on the wire, as before a receiver is switched on. */
  #listening = false;
  #waits = false;
  #live = false;

  constructor(context: VirtioContext, interrupts: VirtioInterrupts, filter: ReceiveFilter, steering: Steering) {
    this.#context = context;
    this.#interrupts = interrupts;
    this.#filter = filter;
    this.#steering = steering;
    this.#outlet = new Outlet(steering);
  }

  /** Frames that arrived and did not reach the driver. */
  get discarded(): number {
    return this.#receivers.reduce((sum, receiver) => sum + (receiver?.path.tooLarge ?? 0), this.#discarded);
  }

  /** Whether both queues of the first `pairs` pairs are enabled. */
  hasPairs(pairs: number): boolean {
    for (let pair = 0; pair < pairs; pair++) {
      if (!this.#receivers[pair] || !this.#transmitters[pair]) return false;
    }
    return true;
  }

  /** `slot` is a receive or a transmit queue, and was enabled or taken away. */
  connect(slot: QueueSlot, features: FeatureSet): void {
    const pair = slot.index >>> 1;
    const { queue } = slot;
    const context = this.#context;
    const { mtu, checksums } = context.setup;
    const settings = { features, checksums, hash: this.#steering.hash, maximumFrame: mtu + ETHERNET_HEADER + VLAN_TAG };
    if ((slot.index & 1) === 0) {
      this.#discarded += this.#receivers[pair]?.path.tooLarge ?? 0;
      this.#receivers[pair] = queue && new Attached(context, slot, new NetReceive(context, queue, settings));
    } else {
      this.#transmitters[pair] = queue && new Attached(context, slot, new NetTransmit(context, queue, settings));
    }
  }

  /** Forgets every queue. */
  reset(): void {
    this.#discarded = this.discarded;
    this.#receivers = [];
    this.#transmitters = [];
    this.#turn = 0;
    this.#listening = false;
    this.#live = false;
  }

  /** Sends up to `budget` frames, a fair share of each queue; returns how many. */
  send(wire: WireEnd, budget: number): number {
    const transmitters = this.#transmitters;
    const pairs = transmitters.length;
    if (pairs === 0) return 0;
    const share = Math.ceil(budget / pairs);
    let sent = 0;
    for (let i = 0; i < pairs && sent < budget; i++) {
      const pair = (this.#turn + i) % pairs;
      const transmitter = transmitters[pair];
      if (transmitter) sent += this.#sendFrom(transmitter, pair, wire, Math.min(share, budget - sent));
    }
    this.#turn = (this.#turn + 1) % pairs;
    return sent;
  }

  /** Fetches up to `budget` frames from the wire; returns how many. */
  receive(wire: WireEnd, budget: number): number {
    const receivers = this.#receivers;
    this.#waits = wire.flowControl === true;
    this.#live = true;
    for (let pair = 0; pair < receivers.length; pair++) receivers[pair]?.path.queue.listen();
    this.#listening ||= hasBuffers(receivers[0]?.path.queue);
    const received = this.#listening ? wire.poll(this, budget, this.#context.timers.now) : 0;
    for (let pair = 0; pair < receivers.length; pair++) this.#publish(receivers[pair]);
    return received;
  }

  /** What arrives while the device is not live is lost. */
  drain(wire: WireEnd, budget: number): void {
    this.#live = false;
    wire.poll(this, budget, this.#context.timers.now);
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#live || !this.#wants(bytes, offset, length)) {
      this.#discarded++;
      return true;
    }
    const receiver = this.#receivers[this.#steering.choose(bytes, offset, length)];
    const stored = receiver?.path.store(bytes, offset, length) === true;
    receiver?.found(stored);
    if (stored) return true;
    if (this.#waits && receiver?.path.queue.usable) return false;
    this.#discarded++;
    return true;
  }

  #wants(bytes: Uint8Array, offset: number, length: number): boolean {
    const tag = bytes[offset + 12] === VLAN_TYPE_HIGH && bytes[offset + 13] === 0 ? VLAN_TAG : 0;
    const fits = length >= SMALLEST_FRAME && length <= this.#context.setup.mtu + ETHERNET_HEADER + tag;
    return fits && this.#filter.accepts(bytes, offset);
  }

  #sendFrom(transmitter: Attached<NetTransmit>, pair: number, wire: WireEnd, budget: number): number {
    const { path } = transmitter;
    path.queue.listen();
    this.#outlet.open(wire, pair);
    const sent = path.send(this.#outlet, budget);
    if (sent > 0 && pair >= this.#steering.pairs) {
      const found = `pair ${pair} of ${this.#steering.pairs} in use`;
      this.#context.judge.record('tx.pair-unused', { queue: path.queue.index, found });
    }
    this.#publish(transmitter);
    transmitter.found(sent > 0);
    return sent;
  }

  #publish(attached: Attached<NetReceive> | Attached<NetTransmit> | undefined): void {
    if (attached?.path.queue.publish()) this.#interrupts.queueUsed(attached.slot.choice.vector);
  }
}

function hasBuffers(queue: DeviceQueue | undefined): boolean {
  if (!queue) return false;
  queue.mark();
  const found = queue.take();
  queue.rewind();
  return found;
}

/** The way out of one pair: the device learns which flows go by it. */
class Outlet implements FrameSink {
  readonly #steering: Steering;
  #wire: WireEnd | undefined;
  #pair = 0;

  constructor(steering: Steering) {
    this.#steering = steering;
  }

  open(wire: WireEnd, pair: number): void {
    this.#wire = wire;
    this.#pair = pair;
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#wire?.deliver(bytes, offset, length) !== true) return false;
    this.#steering.learn(bytes, offset, length, this.#pair);
    return true;
  }
}
