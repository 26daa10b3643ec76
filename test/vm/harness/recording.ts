/** A recording of what passes a TAP interface, made by tcpdump. */
import { CaptureFileReader } from '../../../src/packets/capture-file.ts';
import { SequenceChecker, type SequenceCheckerOptions } from '../../../src/packets/sequence-checker.ts';
import type { Command } from './command.ts';
import type { ShellOptions } from './shell.ts';

export interface RecordingOptions extends ShellOptions {
  /** Default: both the guest's frames and those for it. */
  readonly from?: 'guest' | 'host';
  /** pcap-filter(7): 'udp port 1337'. Default: all. */
  readonly filter?: string;
  /** Ends by itself after so many frames. */
  readonly count?: number;
  /** Longest frame in bytes; the rest of longer ones is cut off. Default: 2000. */
  readonly longest?: number;
}

/** KiB for frames that tcpdump has yet to write. A frame takes as much of it as the longest one would. */
const BUFFER = 65_536;
const LONGEST = 2000;

/** tcpdump counts as the interface does: what comes in there is what the guest has sent. */
const DIRECTION = { guest: '-Qin', host: '-Qout' } as const;

export function recordingCommand(tap: string, file: string, options: RecordingOptions): string {
  const { from, filter, count, longest = LONGEST } = options;
  return [
    `exec tcpdump -n -i ${tap} -w ${file} -s ${longest} -U --immediate-mode -B ${BUFFER} -Z root`,
    ...(from ? [DIRECTION[from]] : []),
    ...(count === undefined ? [] : [`-c ${count}`]),
    ...(filter ? [`'${filter}'`] : []),
    '2>&1',
  ].join(' ');
}

export class Recording {
  /** A pcap file: complete once `ended` or `stop` has resolved. */
  readonly file: string;
  readonly #command: Command;

  constructor(command: Command, file: string) {
    this.#command = command;
    this.file = file;
  }

  /** Resolves to the file once it has `count` frames; rejects when the time is up, or if some were missed. */
  async ended(): Promise<string> {
    const { stdout } = await this.#command.ended;
    if (!/^0 packets dropped by kernel$/m.test(stdout)) throw new Error(`the recording is not complete:\n${stdout}`);
    return this.file;
  }

  /** Ends it, and resolves to the file. */
  stop(): Promise<string> {
    this.#command.kill('INT');
    return this.ended();
  }
}

/** The frames of a capture file. */
export function framesOf(file: string): Buffer[] {
  return Array.from(new CaptureFileReader(file), ({ bytes, offset, length }) =>
    Buffer.from(bytes.subarray(offset, offset + length)),
  );
}

/** What became of numbered packets (`ixy pktgen`) that were recorded. */
export function checkSequence(file: string, options?: SequenceCheckerOptions): SequenceChecker {
  const checker = new SequenceChecker(options);
  for (const { bytes, offset, length } of new CaptureFileReader(file)) checker.check(bytes, offset, length);
  return checker;
}
