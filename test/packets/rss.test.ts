import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  PacketTemplate,
  RSS_FIELDS,
  RSS_KEY_NAMES,
  type RssField,
  rssFieldOf,
  rssHash,
  rssKey,
  rssQueueOf,
} from '../../src/packets/index.ts';
import { answerTo, type FlowFrame, flowFrames, frameBytes } from '../support/flow-frames.ts';
import { PUBLISHED_HASHES } from '../support/published-hashes.ts';
import { ethernet, SEEDED } from './support.ts';

const ADDRESSES: readonly RssField[] = ['ipv4', 'ipv6'];

function hashOf(flow: FlowFrame, fields: readonly RssField[], key: Uint8Array): number {
  const frame = frameBytes(flow);
  return rssHash(frame, 0, frame.length, { key, fields });
}

describe('the published hashes', () => {
  it.each(PUBLISHED_HASHES)(
    'from %s:%i to %s:%i',
    (source, sourcePort, destination, destinationPort, bare, withPorts) => {
      const ip = source.includes(':') ? { ipv6: { source, destination } } : { ipv4: { source, destination } };
      const { bytes } = new PacketTemplate({ ethernet, ...ip, tcp: { sourcePort, destinationPort } });
      const key = rssKey('microsoft');
      expect(rssHash(bytes, 0, bytes.length, { key, fields: ADDRESSES })).toBe(bare);
      expect(rssHash(bytes, 0, bytes.length, { key, fields: RSS_FIELDS })).toBe(withPorts);
    },
  );
});

describe('what is hashed', () => {
  const plain: FlowFrame = {
    isIpv4: true,
    source: Uint8Array.of(10, 0, 0, 1),
    destination: Uint8Array.of(10, 0, 0, 2),
    sourcePort: 1000,
    destinationPort: 2000,
    protocol: 6,
    tags: [],
    options: 0,
    extensions: [],
    fragment: 0,
    segmentsLeft: 0,
    lie: 0,
    payload: 100,
  };
  const six = { ...plain, isIpv4: false, source: new Uint8Array(16).fill(1), destination: new Uint8Array(16).fill(2) };
  const fieldOf = (flow: FlowFrame, fields: readonly RssField[] = RSS_FIELDS) => {
    const frame = frameBytes(flow);
    return rssFieldOf(frame, 0, frame.length, fields);
  };

  it.each<[string, FlowFrame, RssField | undefined]>([
    ['TCP over IPv4', plain, 'tcp4'],
    ['UDP over IPv4', { ...plain, protocol: 17 }, 'udp4'],
    ['SCTP over IPv4', { ...plain, protocol: 132 }, 'ipv4'],
    ['TCP behind IPv4 options', { ...plain, options: 3 }, 'tcp4'],
    ['a packet that must not be fragmented', { ...plain, fragment: 0x4000 }, 'tcp4'],
    ['a first fragment', { ...plain, fragment: 0x2000 }, 'ipv4'],
    ['a later fragment', { ...plain, fragment: 0x0010 }, 'ipv4'],
    ['TCP over IPv6', six, 'tcp6'],
    ['UDP over IPv6', { ...six, protocol: 17 }, 'udp6'],
    ['TCP behind extension headers', { ...six, extensions: [0, 43, 60] }, 'tcp6'],
    ['a fragment of IPv6', { ...six, extensions: [44], fragment: 1 }, 'ipv6'],
    ['a packet that is on its way by a routing header', { ...six, extensions: [43], segmentsLeft: 1 }, 'ipv6'],
    ['what an authentication header hides', { ...six, extensions: [51] }, 'ipv6'],
    ['a tagged packet', { ...plain, tags: [0x8100] }, 'tcp4'],
    ['a packet with two tags', { ...plain, tags: [0x8100, 0x8100] }, undefined],
    ['a service tag', { ...plain, tags: [0x88a8] }, undefined],
    ['a packet that says to be longer than its frame', { ...plain, lie: 1 }, undefined],
    ['a packet too short for its ports', { ...plain, lie: -105 }, 'ipv4'],
  ])('%s', (_what, flow, field) => {
    expect(fieldOf(flow)).toBe(field);
  });

  it('falls back on addresses where ports are not asked for, and else on nothing', () => {
    expect(fieldOf(plain, ['ipv4', 'udp4'])).toBe('ipv4');
    expect(fieldOf(plain, ['udp4', 'tcp6', 'ipv6'])).toBeUndefined();
    expect(fieldOf(six, ['ipv6', 'tcp4'])).toBe('ipv6');
  });

  it('has neither hash nor a queue but 0 for anything else', () => {
    const steering = { key: rssKey('microsoft'), fields: RSS_FIELDS, table: [7] };
    for (const frame of [new Uint8Array(60), new Uint8Array(5), frameBytes({ ...plain, tags: [0x88a8] })]) {
      expect(rssHash(frame, 0, frame.length, steering)).toBe(0);
      expect(rssQueueOf(frame, 0, frame.length, steering)).toBe(0);
    }
    const frame = frameBytes(plain);
    expect(rssQueueOf(frame, 0, frame.length, steering)).toBe(7);
  });

  it('never looks beyond the frame', () => {
    const steering = { key: rssKey('microsoft'), fields: RSS_FIELDS, table: [0, 1, 2, 3] };
    fc.assert(
      fc.property(flowFrames(), fc.nat(), fc.nat(200), (flow, cut, around) => {
        const whole = frameBytes(flow);
        const length = cut % (whole.length + 1);
        const frame = whole.subarray(0, length);
        const inside = new Uint8Array(whole.length + 2 * around).fill(0xff);
        inside.set(frame, around);
        expect(rssHash(inside, around, length, steering)).toBe(rssHash(frame.slice(), 0, length, steering));
        expect(rssQueueOf(inside, around, length, steering)).toBe(rssQueueOf(frame.slice(), 0, length, steering));
      }),
      SEEDED,
    );
  });
});

describe('keys', () => {
  it.each(RSS_KEY_NAMES)('%s spreads flows evenly', (name) => {
    const key = rssKey(name);
    const counts = new Array<number>(8).fill(0);
    const table = [0, 1, 2, 3, 4, 5, 6, 7];
    const flows = fc.sample(flowFrames(true), { seed: 82599, numRuns: 8000 });
    for (const flow of flows) {
      const frame = frameBytes(flow);
      counts[rssQueueOf(frame, 0, frame.length, { key, fields: RSS_FIELDS, table })]++;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150); // five times what chance does
  });

  it("'symmetric' gives both directions of a flow one hash, whatever is hashed; 'microsoft' does not", () => {
    const symmetric = rssKey('symmetric');
    let differ = 0;
    fc.assert(
      fc.property(flowFrames(), fc.subarray([...RSS_FIELDS]), (flow, fields) => {
        expect(hashOf(answerTo(flow), fields, symmetric)).toBe(hashOf(flow, fields, symmetric));
        if (hashOf(answerTo(flow), fields, rssKey('microsoft')) !== hashOf(flow, fields, rssKey('microsoft'))) differ++;
      }),
      SEEDED,
    );
    expect(differ).toBeGreaterThan(50);
  });

  it("'symmetric' gives no two differences between ports one hash", () => {
    const key = rssKey('symmetric');
    const hashes = new Set<number>();
    for (let sourcePort = 0; sourcePort < 0x1_0000; sourcePort += 7) {
      const { bytes } = new PacketTemplate({
        ethernet,
        ipv4: { source: '10.0.0.1', destination: '10.0.0.2' },
        udp: { sourcePort, destinationPort: 0 },
      });
      hashes.add(rssHash(bytes, 0, bytes.length, { key, fields: RSS_FIELDS }));
    }
    expect(hashes.size).toBe(Math.ceil(0x1_0000 / 7));
  });

  it('are copies', () => {
    rssKey('microsoft').fill(0);
    expect(rssKey('microsoft')[0]).toBe(0x6d);
  });
});
