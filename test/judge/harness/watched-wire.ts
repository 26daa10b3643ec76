/** What an emulated NIC is plugged into while Linux drives it: another wire, and a test that sees and sends frames. */
import type { FrameSink, WireEnd } from '../../../src/emulation/wire.ts';

/** Milliseconds until a frame that is under way has passed. */
const PATIENCE = 5_000;

export class WatchedWire implements WireEnd {
  readonly speed = 0;
  /** A NIC that has no descriptors left makes its far end wait, as both have agreed to heed PAUSE frames. */
  flowControl = true;
  /** Frames since `forget`, without CRC: what left the NIC, and what it took. */
  sent: Uint8Array[] = [];
  taken: Uint8Array[] = [];
  /** Model time at which it took them. */
  takenAt: number[] = [];
  /** Nanoseconds of model time between two frames that are injected. */
  pace = 0;
  /** False: the cable is pulled. */
  plugged = true;
  /** Asked about each frame that leaves the NIC; what it returns is sent back. */
  answer: (frame: Uint8Array) => Uint8Array | undefined = () => undefined;
  readonly #far: WireEnd;
  #onFrame = (): void => {};
  #injected: Uint8Array[] = [];
  #nextInjection = 0;

  constructor(far: WireEnd) {
    this.#far = far;
  }

  get connected(): boolean {
    return this.plugged && this.#far.connected;
  }

  /** Sends frames to the NIC, ahead of those from the far end. */
  inject(...frames: readonly Uint8Array[]): void {
    this.#injected.push(...frames);
  }

  /** Resolves once that many frames have been sent or taken since `forget`, or will not be. */
  passed(frames: number, list: 'sent' | 'taken'): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE);
      this.#onFrame = () => {
        if (this[list].length < frames) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onFrame();
    });
  }

  /** Takes back frames that the NIC has not taken, and plugs it in again. */
  calm(): void {
    this.#injected = [];
    this.#nextInjection = 0;
    this.pace = 0;
    this.plugged = true;
    this.flowControl = true;
    this.answer = () => undefined;
  }

  forget(): void {
    this.sent = [];
    this.taken = [];
    this.takenAt = [];
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#far.deliver(bytes, offset, length)) return false;
    const frame = bytes.slice(offset, offset + length);
    this.sent.push(frame);
    this.#onFrame();
    const reply = this.answer(frame);
    if (reply) this.inject(reply);
    return true;
  }

  poll(sink: FrameSink, budget: number, now: number): number {
    const watching: FrameSink = {
      deliver: (bytes, offset, length) => {
        if (!sink.deliver(bytes, offset, length)) return false;
        this.taken.push(bytes.slice(offset, offset + length));
        this.takenAt.push(now);
        this.#onFrame();
        return true;
      },
    };
    let frames = 0;
    for (; frames < budget; frames++) {
      const [frame] = this.#injected;
      if (!frame || now < this.#nextInjection) break;
      if (!watching.deliver(frame, 0, frame.length)) return frames;
      this.#injected.shift();
      this.#nextInjection = now + this.pace;
    }
    return frames + this.#far.poll(watching, budget - frames, now);
  }

  close(): void {
    this.#far.close();
  }
}
