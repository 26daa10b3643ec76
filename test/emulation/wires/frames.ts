/** Frames for tests: sent in numbers, kept as copies. */
import type { FrameSink, WireEnd } from '../../../src/emulation/wire.ts';

/** A frame of `length` bytes that carries `number` in its first four bytes and a hash of it behind. */
export function numberedFrame(number: number, length = 60): Uint8Array {
  const hash = Math.imul(number, 0x9e37_79b1);
  const frame = new Uint8Array(length).map((_, i) => (hash >>> (i & 24)) + i);
  new DataView(frame.buffer).setUint32(0, number);
  return frame;
}

export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(0);
}

/** Keeps a copy of each frame it takes; `accept` says how many more it takes. */
export class Collector implements FrameSink {
  readonly frames: Uint8Array[] = [];
  accept: number;

  constructor(accept = Number.POSITIVE_INFINITY) {
    this.accept = accept;
  }

  deliver = (bytes: Uint8Array, offset: number, length: number): boolean => {
    if (this.accept <= 0) return false;
    this.accept--;
    this.frames.push(bytes.slice(offset, offset + length));
    return true;
  };

  get numbers(): number[] {
    return this.frames.map(numberOf);
  }
}

export function deliver(wire: FrameSink, frame: Uint8Array): boolean {
  return wire.deliver(frame, 0, frame.length);
}

/** Everything that the wire hands over at time `now`. */
export function drain(wire: WireEnd, now = 0): Uint8Array[] {
  const collector = new Collector();
  wire.poll(collector, 1_000_000, now);
  return collector.frames;
}
