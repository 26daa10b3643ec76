/** The far end of a NIC's cable: where a test sends and records frames, whatever the NIC is plugged into. */
import type { ReplayOptions } from '../../../src/emulation/wires/replay.ts';

/** How fast frames are sent: as fast as they are taken unless told otherwise. */
export type Pace = Pick<ReplayOptions, 'timing' | 'framesPerSecond'>;

export interface RecordingOptions {
  /** Default: both the guest's frames and those for it. */
  readonly from?: 'guest' | 'host';
  /** For cables to a `tap`: pcap-filter(7), 'udp port 1337'. Default: all. */
  readonly filter?: string;
  /** Ends by itself after so many frames. */
  readonly count?: number;
  /** Longest frame in bytes; the rest of longer ones is cut off. Default: 2000. */
  readonly longest?: number;
  /** Milliseconds until it fails. Default: 60 000. */
  readonly timeout?: number;
}

export const LONGEST = 2000;
export const RECORDING_TIMEOUT = 60_000;

/** Frames are being recorded. */
export interface Recording {
  /** A pcap file: complete once `ended` or `stop` has resolved. */
  readonly file: string;
  /** Resolves to the file once it has `count` frames; rejects when the time is up, or if some were missed. */
  ended(): Promise<string>;
  /** Ends it, and resolves to the file. */
  stop(): Promise<string>;
}

/** Frames are being sent, round and round. */
export interface Flood {
  stop(): Promise<void>;
}

export interface Cable {
  /** Records frames between the NIC and its far end; resolves once it does. */
  record(options?: RecordingOptions): Promise<Recording>;
  /** Sends the frames of a capture file to the NIC; resolves when the far end holds those that the NIC has not taken yet. */
  send(file: string, pace?: Pace): Promise<void>;
  /** Sends them for ever, and faster than the guest takes them unless a rate is given. */
  flood(file: string, pace?: Pick<Pace, 'framesPerSecond'>): Flood;
  /** Makes room for so many frames that wait for the guest, and for frames of so many bytes of payload. */
  hold(frames: number, mtu?: number): Promise<void>;
  /** Frames for the NIC that were dropped, as the guest did not fetch them in time. */
  dropped(): Promise<number>;
  /** Pulls the cable, or plugs it in: what the NIC's driver sees as the link's state. */
  plug(up: boolean): Promise<void>;
}
