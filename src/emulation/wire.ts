/**
 * What is plugged into an emulated NIC's port. Frames are bytes without preamble and CRC; they travel as a range of a
 * byte array that the callee must copy, or use up, before it returns: nothing is allocated per frame.
 */

/** Something that takes frames: a port's receiver, a file, a callback. */
export interface FrameSink {
  /**
   * Takes the frame `bytes[offset … offset+length-1]`. Returns false if there was no room for it right now and the caller
   * may try again; a frame that is dropped for good counts as taken.
   */
  deliver(bytes: Uint8Array, offset: number, length: number): boolean;
}

/** One end of a wire, as a NIC sees it: what it sends goes to `deliver`, what arrives it asks for with `poll`. */
export interface WireEnd extends FrameSink {
  /**
   * Hands up to `budget` frames that have arrived to `sink`; returns how many. A frame that `sink` refuses stays on the
   * wire. `now` is the model's time in nanoseconds, for pacing and delay.
   */
  poll(sink: FrameSink, budget: number, now: number): number;
  /** Whether the far end is plugged in and alive: the NIC's link follows it. */
  readonly connected: boolean;
  /** Mbit/s that the medium carries, or 0 where it has no limit of its own. */
  readonly speed: number;
  /**
   * Whether the far end stops sending while the NIC has no descriptor for its frames, as after an Ethernet PAUSE frame:
   * the NIC then refuses them instead of dropping and counting them. Default: it does not.
   */
  readonly flowControl?: boolean;
  /** Sends what is buffered and releases descriptors. Idempotent. */
  close(): void;
}
