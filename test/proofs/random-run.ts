/** Any mixture of traffic and control, and an account of what became of each frame. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { BROADCAST, frame, type Lab, numberOf } from './lab.ts';
import type { VirtioLab } from './virtio-lab.ts';

const OTHER = '02:00:00:00:00:99';
const GROUP = '01:00:5e:00:00:01';

export const action = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('arrive'), size: fc.integer({ min: 17, max: 9800 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('burst'), size: fc.integer({ min: 1, max: 200 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send'), size: fc.integer({ min: 17, max: 9600 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('stream'), size: fc.integer({ min: 1, max: 150 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('step'), size: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('receive'), size: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('forward'), size: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flap'), size: fc.integer({ min: 0, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('filter'), size: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('look'), size: fc.constant(0) }) },
);

export type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** A lab of any driver that filters what it receives. */
type RandomLab = Lab | VirtioLab;

/** Does what it is told, and keeps account of it. */
export class Run {
  /** Every frame ever made, by number. */
  readonly frames: Uint8Array[] = [];
  /** Numbers of the frames that arrived at the application, and of those given to the device to be sent, in order. */
  readonly received: number[] = [];
  readonly queued: number[] = [];
  arrivals = 0;
  readonly #lab: RandomLab;
  readonly #onTheWire: (frame: Uint8Array) => Uint8Array;

  /** `onTheWire`: what becomes of a frame that is sent. */
  constructor(lab: RandomLab, onTheWire: (frame: Uint8Array) => Uint8Array) {
    this.#lab = lab;
    this.#onTheWire = onTheWire;
  }

  do({ kind, size }: Action): void {
    const { nic, wire, device } = this.#lab;
    switch (kind) {
      case 'arrive':
        this.#arrive(size);
        break;
      case 'burst':
        for (let i = 0; i < size; i++) this.#arrive(60 + (i % 9) * 180);
        break;
      case 'send':
        this.#send([this.#make(size)], Math.min(2048, Math.ceil(size / (1 + (size % 9)))));
        break;
      case 'stream':
        this.#send(Array.from({ length: size }, () => this.#make(60)));
        break;
      case 'step':
        device.step(size);
        break;
      case 'flap':
        wire.connected = size !== 0;
        if (size === 2) device.model.faults.inject({ kind: 'link-flap', nanoseconds: 1e5, count: 1 });
        device.clock.pause(0.2);
        nic.checkLink();
        break;
      case 'filter':
        if (size === 0) nic.setMac(`02:00:00:00:00:${(16 + (this.arrivals % 100)).toString(16)}`);
        else if (size < 3) nic.setPromiscuous(size === 1);
        else nic.setAllMulticast(size === 3);
        break;
      case 'look':
        nic.statistics();
        nic.link();
        break;
      default:
        this.#receive(size, kind === 'forward');
    }
  }

  #make(size: number, to = BROADCAST): Uint8Array {
    const made = frame(this.frames.length, size, to);
    this.frames.push(made);
    return made;
  }

  #arrive(size: number): void {
    const to = [BROADCAST, this.#lab.nic.mac, GROUP, OTHER][this.frames.length % 4];
    if (this.#lab.wire.send(this.#make(size, to))) this.arrivals++;
  }

  #send(frames: readonly Uint8Array[], segment?: number): void {
    const queue = (frames.length & 1) % this.#lab.nic.tx.length;
    const taken = this.#lab.send(frames, queue, segment);
    for (const each of frames.slice(0, taken)) this.queued.push(numberOf(each));
  }

  /** Takes packets, and gives them back or sends them on as they are. */
  #receive(limit: number, forwards: boolean): void {
    const { nic } = this.#lab;
    const batch = new PacketBatch(limit);
    nic.rx[0].receive(batch);
    const numbers = Array.from(batch.packets.subarray(0, batch.length), (packet) => {
      const bytes = this.#lab.read(packet);
      const number = numberOf(bytes);
      expect(Buffer.compare(bytes, this.#onTheWire(this.frames[number]))).toBe(0);
      return number;
    });
    this.received.push(...numbers);
    if (forwards) {
      nic.tx[0].transmit(batch);
      this.queued.push(...numbers.slice(0, numbers.length - batch.length));
    }
    batch.free();
  }
}

export const ascending = (numbers: readonly number[]): boolean =>
  numbers.every((n, i) => i === 0 || n > numbers[i - 1]);

/** Puts the link right and lets everything under way arrive, except what has no room. */
export function finish(lab: RandomLab, run: Run): void {
  lab.wire.connected = true;
  lab.device.clock.pause(1);
  for (let before = -1; lab.settle() > 0 || run.received.length > before; ) {
    before = run.received.length;
    run.do({ kind: 'receive', size: 100 });
  }
}

/** What went out: all that was queued except what was too long, unchanged. */
export function expectSent(lab: RandomLab, run: Run, onTheWire: (frame: Uint8Array) => Uint8Array): void {
  const { sent, nic } = lab;
  const statistics = nic.statistics();
  const left = sent.map(numberOf);
  for (const [i, number] of left.entries()) {
    expect(Buffer.compare(sent[i], onTheWire(run.frames[number]))).toBe(0);
  }
  expect(left.length).toBe(statistics.txPackets);
  expect(left.length + statistics.txDropped).toBe(run.queued.length);
  const leaving = new Map<number, number>();
  for (const number of run.queued) leaving.set(number, (leaving.get(number) ?? 0) + 1);
  for (const number of left) expect(leaving.get(number)).toBe(1);
}
