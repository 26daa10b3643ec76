/** `pcap:FILE`: a capture file as a port, to read from or to write to. */
import { existsSync } from 'node:fs';
import { CaptureWire } from '../emulation/wires/capture.ts';
import { IxyError } from '../errors.ts';
import type { OpenOptions } from './open-options.ts';
import { given } from './optional.ts';
import { loopsParameter, paceParameter } from './pace.ts';
import { integerFrom, oneOf } from './quantities.ts';
import { portScheme } from './scheme.ts';
import { openWirePort } from './wire-port.ts';

type Mode = 'read' | 'write';

export const pcapScheme = portScheme({
  scheme: 'pcap',
  syntax: 'pcap:FILE',
  summary:
    "A capture file (pcap or pcapng): packets are received from it until its end, or sent to it. '-' is standard input or output.",
  parameters: {
    mode: {
      syntax: 'read|write',
      meaning:
        'receive the packets in the file, or create the file and write what is sent; by default what the program needs, and reading if the file exists where it could be either',
      parse: oneOf<Mode>('read', 'write'),
    },
    pace: paceParameter,
    loops: loopsParameter,
    snap: {
      syntax: 'BYTES',
      meaning: 'bytes kept of each packet written; default: all',
      parse: integerFrom(1, 262_144),
    },
  },
  examples: ['pcap:in.pcap', 'pcap:in.pcapng?pace=original', 'pcap:out.pcap?mode=write'],
  async open({ name, target, values, options }) {
    const { pace, loops, snap } = values;
    const mode = values.mode ?? defaultMode(target, options);
    const capture =
      mode === 'read'
        ? { input: target, ...pace, ...given({ loops }) }
        : { output: target, ...given({ snapLength: snap }) };
    const description = `capture file ${target}, ${mode === 'read' ? 'replayed' : 'written'}`;
    return openWirePort({ name, driver: 'pcap', description, wire: new CaptureWire(capture) }, options);
  },
});

function defaultMode(path: string, { use = 'both' }: OpenOptions): Mode {
  if (use === 'receive') return 'read';
  if (use === 'transmit') return 'write';
  if (path === '-') {
    throw new IxyError(
      'ERR_PORT_URI',
      "port 'pcap:-' may be standard input or output; say which with mode=read or mode=write",
    );
  }
  return existsSync(path) ? 'read' : 'write';
}
