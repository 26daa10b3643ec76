/** What an emulated NIC is plugged into while Linux drives it: another wire, and a test that sees and sends frames. */
import type { FrameSink, WireEnd } from '../../src/emulation/wire.ts';

export class WatchedWire implements WireEnd {
  readonly speed = 0;
  /** A NIC that has no descriptors left makes its far end wait, as both have agreed to heed PAUSE frames. */
  readonly flowControl = true;
  /** Frames since `forget`, without CRC: what left the NIC, and what it took. */
  sent: Uint8Array[] = [];
  taken: Uint8Array[] = [];
  /** False: the cable is pulled. */
  plugged = true;
  /** Asked about each frame that leaves the NIC; what it returns is sent back. */
  answer: (frame: Uint8Array) => Uint8Array | undefined = () => undefined;
  readonly #far: WireEnd;
  #injected: Uint8Array[] = [];

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

  forget(): void {
    this.sent = [];
    this.taken = [];
  }

  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.#far.deliver(bytes, offset, length)) return false;
    const frame = bytes.slice(offset, offset + length);
    this.sent.push(frame);
    const reply = this.answer(frame);
    if (reply) this.inject(reply);
    return true;
  }

  poll(sink: FrameSink, budget: number, now: number): number {
    const watching: FrameSink = {
      deliver: (bytes, offset, length) => {
        if (!sink.deliver(bytes, offset, length)) return false;
        this.taken.push(bytes.slice(offset, offset + length));
        return true;
      },
    };
    let frames = 0;
    for (; frames < budget; frames++) {
      const [frame] = this.#injected;
      if (!frame) break;
      if (!watching.deliver(frame, 0, frame.length)) return frames;
      this.#injected.shift();
    }
    return frames + this.#far.poll(watching, budget - frames, now);
  }

  close(): void {
    this.#far.close();
  }
}
