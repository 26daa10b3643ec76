/** What a served NIC is plugged into: capture files that are sent to it, and recordings of what passes. */
import type { FrameSink, WireEnd } from '../../../src/emulation/wire.ts';
import { ENDED, wireCounters } from '../../../src/emulation/wires/counters.ts';
import { Replay, type ReplayOptions } from '../../../src/emulation/wires/replay.ts';
import { CaptureFileWriter } from '../../../src/packets/capture-file.ts';
import {
  type Cable,
  type Flood,
  LONGEST,
  type Pace,
  RECORDING_TIMEOUT,
  type Recording,
  type RecordingOptions,
} from './cable.ts';

type Side = NonNullable<RecordingOptions['from']>;

export class ServedCable implements Cable, WireEnd {
  readonly speed = 0;
  /** A NIC that has no descriptors left makes the far end wait, as if by PAUSE frames: nothing is lost on the way. */
  readonly flowControl = true;
  connected = true;
  readonly #path: string;
  readonly #sending: Sending[] = [];
  readonly #recordings = new Set<WireRecording>();
  #files = 0;

  /** `path` begins the names of files that it makes. */
  constructor(path: string) {
    this.#path = path;
  }

  async record(options: RecordingOptions = {}): Promise<Recording> {
    if (options.filter) throw new Error(`a served NIC's cable has no filter for '${options.filter}'`);
    const recording = new WireRecording(`${this.#path}-${this.#files++}.pcap`, options, () =>
      this.#recordings.delete(recording),
    );
    this.#recordings.add(recording);
    return recording;
  }

  async send(file: string, pace: Pace = {}): Promise<void> {
    this.#sending.push(new Sending({ input: file, ...pace }));
  }

  flood(file: string, pace: Pace = {}): Flood {
    const sending = new Sending({ input: file, loops: 0, ...pace });
    this.#sending.push(sending);
    return {
      stop: async () => {
        this.#sending.splice(this.#sending.indexOf(sending), 1);
        sending.replay.close();
      },
    };
  }

  /** The files hold them. */
  async hold(): Promise<void> {}

  async dropped(): Promise<number> {
    return 0;
  }

  async plug(up: boolean): Promise<void> {
    this.connected = up;
  }

  /** A frame that the NIC sends. */
  deliver(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#note('guest', bytes, offset, length);
    return true;
  }

  poll(sink: FrameSink, budget: number, now: number): number {
    const watching: FrameSink = {
      deliver: (bytes, offset, length) => {
        if (!sink.deliver(bytes, offset, length)) return false;
        this.#note('host', bytes, offset, length);
        return true;
      },
    };
    const [sending] = this.#sending;
    if (!sending) return 0;
    const frames = sending.replay.poll(watching, budget, now);
    if (sending.ended) this.#sending.shift()?.replay.close();
    return frames;
  }

  close(): void {
    for (const { replay } of this.#sending) replay.close();
    for (const recording of this.#recordings) recording.abandon();
  }

  #note(side: Side, bytes: Uint8Array, offset: number, length: number): void {
    for (const recording of this.#recordings) recording.note(side, bytes, offset, length);
  }
}

/** A file on its way to the NIC. */
class Sending {
  readonly replay: Replay;
  readonly #counters = wireCounters(undefined);

  constructor(options: ReplayOptions) {
    this.replay = new Replay(options, this.#counters);
  }

  get ended(): boolean {
    return this.#counters[ENDED] !== 0;
  }
}

class WireRecording implements Recording {
  readonly file: string;
  readonly #options: RecordingOptions;
  readonly #writer: CaptureFileWriter;
  readonly #ended: Promise<string>;
  #finish = (_error?: Error): void => {};

  /** `over` is called when it takes no more frames. */
  constructor(file: string, options: RecordingOptions, over: () => void) {
    const { longest = LONGEST, timeout = RECORDING_TIMEOUT } = options;
    this.file = file;
    this.#options = options;
    this.#writer = new CaptureFileWriter(file, { snapLength: longest });
    this.#ended = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#finish(new Error(`${this.#writer.packets} frames in ${timeout} ms`)),
        timeout,
      );
      this.#finish = (error) => {
        clearTimeout(timer);
        over();
        this.#writer.close();
        if (error) reject(error);
        else resolve(file);
      };
    });
    // Who awaits it sees the error; a test that has failed before does not await it.
    this.#ended.catch(() => {});
  }

  note(side: Side, bytes: Uint8Array, offset: number, length: number): void {
    const { from = side, count = Number.POSITIVE_INFINITY } = this.#options;
    if (from !== side) return;
    this.#writer.write(bytes, offset, length, 0, 0);
    if (this.#writer.packets >= count) this.#finish();
  }

  ended(): Promise<string> {
    return this.#ended;
  }

  stop(): Promise<string> {
    this.#finish();
    return this.#ended;
  }

  abandon(): void {
    this.#finish(new Error('the guest was closed'));
  }
}
