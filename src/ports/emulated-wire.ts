/** What an emulated NIC is plugged into, by the parameters of its URI. */
import type { Impairments, Medium, WireSpec } from '../emulation/wires/index.ts';
import { IxyError } from '../errors.ts';
import { knownOrNear } from '../near-match.ts';
import { given } from './optional.ts';
import { loopsParameter, paceParameter } from './pace.ts';
import type { Values } from './parameters.ts';
import {
  integerFrom,
  oneOf,
  parseBoolean,
  parseCount,
  parseDuration,
  parseProbability,
  parseRate,
} from './quantities.ts';

/** Kinds of wires that take a name or file, and those that do not. */
const NAMED = ['tap', 'pcap', 'cable'];
const PLAIN = ['null', 'loopback', 'generator'];

function parseWire(text: string): Medium {
  const [, kind, , target = ''] = /^([^:]*)(:(.*))?$/s.exec(text) ?? [];
  if (kind === 'null' || kind === 'loopback' || kind === 'generator') {
    if (target === '') return { kind };
    throw new Error(`must be just '${kind}'`);
  }
  if (!NAMED.includes(kind)) throw new Error(`must be a kind of wire, ${knownOrNear(kind, [...PLAIN, ...NAMED])}`);
  if (target === '') throw new Error(`must go on after '${kind}:' with ${kind === 'pcap' ? 'IN[,OUT]' : 'a name'}`);
  if (kind === 'tap' || kind === 'cable') return { kind, name: target };
  const [input, output, ...more] = target.split(',').map((file) => file || undefined);
  if (more.length > 0) throw new Error('must name at most two files: one to replay, one to write');
  return { kind: 'capture', ...given({ input, output }) };
}

const probability = (meaning: string) => ({ syntax: 'P', meaning, parse: parseProbability });

export const wireParameters = {
  wire: {
    syntax: 'tap:NAME|pcap:IN[,OUT]|cable:NAME|loopback|generator|null',
    meaning:
      'what the NIC is plugged into: a TAP interface, files replayed and written, the NIC at the other end of a cable, itself, a packet generator, nothing',
    default: 'null',
    parse: parseWire,
  },
  rate: { syntax: 'RATE', meaning: 'line rate each way: bits per second (10G) or packets (1Mpps)', parse: parseRate },
  delay: { syntax: 'TIME', meaning: 'time on the way, each way: 50us, 2ms', parse: parseDuration },
  jitter: { syntax: 'TIME', meaning: 'up to so much more delay, at random; order is kept', parse: parseDuration },
  loss: probability('probability that a frame is lost: 1e-3, 0.1%25 (a percent sign, as URIs have it)'),
  duplicate: probability('probability that a frame comes twice'),
  reorder: probability('probability that a frame is overtaken by the three after it'),
  corrupt: probability('probability that one bit of a frame is flipped'),
  direction: {
    syntax: 'both|sent|received',
    meaning: 'which way the line is bad, as the NIC sees it; default: both',
    parse: oneOf('both', 'sent', 'received'),
  },
  seed: { syntax: 'N', meaning: 'seed of what happens at random; default: 1', parse: parseCount },
  flow: {
    syntax: '1|0',
    meaning:
      'frames that find no receive descriptor wait on the wire, as with flow control, or are dropped and counted; default: wait, unless they come by a cable or at a pace',
    parse: parseBoolean,
  },
  pace: paceParameter,
  loops: loopsParameter,
  size: {
    syntax: 'BYTES',
    meaning: 'generator: bytes per frame without CRC; default: 60',
    parse: integerFrom(60, 9018),
  },
  count: { syntax: 'N', meaning: 'generator: frames to send; default: without end', parse: parseCount },
  duration: {
    syntax: 'TIME',
    meaning: 'generator: how long to send, from its first frame on; default: without end',
    parse: parseDuration,
  },
  start: {
    syntax: 'now|frame',
    meaning: 'generator: begin at once, or with the first frame that the NIC sends; default: now',
    parse: oneOf('now', 'frame'),
  },
  check: {
    syntax: '1|0',
    meaning: 'generator: check what comes back for loss, order and content, or only count it; default: 1',
    parse: parseBoolean,
  },
} as const;

/** Parameters that make sense with one kind of medium only. */
const BELONGS = {
  loops: ['capture'],
  pace: ['capture', 'generator'],
  size: ['generator'],
  count: ['generator'],
  duration: ['generator'],
  start: ['generator'],
  check: ['generator'],
};

/** The wire of a NIC with address `mac`. Throws `ERR_PORT_URI`, beginning with `where`, for parameters that do not fit. */
export function wireSpec(where: string, values: Values<typeof wireParameters>, mac: string): WireSpec {
  const { wire, rate, delay, jitter, loss, duplicate, reorder, corrupt, direction, seed } = values;
  for (const [name, kinds] of Object.entries(BELONGS)) {
    if (values[name as keyof typeof BELONGS] === undefined || kinds.includes(wire.kind)) continue;
    const names = kinds.map((kind) => (kind === 'capture' ? 'pcap:…' : kind)).join(' or ');
    throw new IxyError('ERR_PORT_URI', `${where}: parameter '${name}' goes with wire=${names}`);
  }
  const impairments: Impairments = given({
    ...rate,
    delay,
    jitter,
    loss,
    duplicate,
    reorder,
    corrupt,
    direction,
    seed,
  });
  return { ...medium(values, mac), impairments, flowControl: values.flow ?? waitsByDefault(values) };
}

function waitsByDefault({ wire, pace }: Values<typeof wireParameters>): boolean {
  return wire.kind !== 'cable' && (pace === undefined || ('timing' in pace && pace.timing === 'fast'));
}

function medium(
  { wire, pace, loops, size, count, duration, start, check }: Values<typeof wireParameters>,
  mac: string,
): Medium {
  if (wire.kind === 'capture') return { ...wire, ...pace, ...given({ loops }) };
  if (wire.kind !== 'generator') return wire;
  const framesPerSecond = pace && 'framesPerSecond' in pace ? pace.framesPerSecond : undefined;
  return { ...wire, destinationMac: mac, ...given({ size, count, duration, start, check, framesPerSecond }) };
}
