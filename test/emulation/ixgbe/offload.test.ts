/** What leaves when descriptors ask for checksums, VLAN tags and segments, compared with software that does the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  TX_CMD_DATA,
  TX_CMD_DEXT,
  TX_CMD_EOP,
  TX_CMD_IFCS,
  TX_CMD_RS,
  TX_CMD_TSE,
  TX_CMD_VLE,
  TX_DTYP_CONTEXT,
  TX_INSERT_IP_CHECKSUM,
  TX_INSERT_L4_CHECKSUM,
  TX_L4_SCTP,
  TX_L4_TCP,
  TX_L4_UDP,
  TX_LEGACY_CMD_IC,
  TX_PAYLEN_SHIFT,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { checksum, type PacketFields, packet, SCTP, TCP, UDP, word } from './packets.ts';
import { BUFFER, type Lab, RING, startLab } from './test-driver.ts';

const L4_TYPES: Record<number, number> = { [TCP]: TX_L4_TCP, [UDP]: TX_L4_UDP, [SCTP]: TX_L4_SCTP };
const IPV4_CONTEXT = 1 << 10;
const OTHER = '02:00:00:00:00:02';

interface Offload {
  readonly fields: PacketFields;
  readonly command?: number;
  readonly status?: number;
  readonly mss?: number;
  readonly vlan?: number;
  /** Bytes in each descriptor but the last. */
  readonly piece?: number;
}

const isIpv6 = ({ source = '' }: PacketFields): boolean => source.includes(':');
const ipLengthOf = (fields: PacketFields): number => (isIpv6(fields) ? 40 : 20);
const l4LengthOf = ({ protocol = UDP }: PacketFields): number => (protocol === TCP ? 20 : protocol === UDP ? 8 : 12);
const fieldOf = ({ protocol = UDP }: PacketFields): number => (protocol === TCP ? 16 : protocol === UDP ? 6 : 8);

/** The packet as a driver leaves it for the device: no IP checksum, and the pseudo-header's sum in the transport's. */
function unfinished(fields: PacketFields, segmented: boolean): Uint8Array {
  const transport = 14 + ipLengthOf(fields);
  const unpadded = transport + l4LengthOf(fields) + (fields.payload?.length ?? 0);
  const frame = packet({ to: OTHER, ...fields }).slice(0, unpadded);
  if (!isIpv6(fields)) frame.fill(0, 24, 26);
  const length = segmented ? 0 : l4LengthOf(fields) + (fields.payload?.length ?? 0);
  const addresses = [...frame.subarray(transport - (isIpv6(fields) ? 32 : 8), transport)];
  const sum = ~checksum([...addresses, ...word(fields.protocol ?? UDP), ...word(length)]) & 0xffff;
  const field = transport + fieldOf(fields);
  if (fields.protocol === SCTP) frame.fill(0, field, field + 4);
  else frame.set(word(sum), field);
  return frame;
}

let next = 0;

/** Queues a context and the packet, in pieces, and lets the device work. */
function send(lab: Lab, offload: Offload): Uint8Array[] {
  const { fields, command = 0, status = 0, mss = 0, vlan = 0, piece = BUFFER } = offload;
  const { driver } = lab;
  const ipLength = ipLengthOf(fields);
  const frame = unfinished(fields, (command & TX_CMD_TSE) !== 0);
  const type = TX_CMD_DEXT | TX_DTYP_CONTEXT | L4_TYPES[fields.protocol ?? UDP] | (isIpv6(fields) ? 0 : IPV4_CONTEXT);
  next = driver.read(ixgbe.TDH);
  const lengths = (vlan << 16) | (14 << 9) | ipLength;
  driver.tx.words.set([lengths, 0, type, (mss << 16) | (l4LengthOf(fields) << 8)], next * 4);
  next = (next + 1) % RING;
  const headers = 14 + ipLength + l4LengthOf(fields);
  const payload = (command & TX_CMD_TSE) !== 0 ? frame.length - headers : frame.length;
  for (let from = 0; from < frame.length; from += piece, next = (next + 1) % RING) {
    const bytes = frame.subarray(from, from + piece);
    driver.tx.bytes.set(bytes, next * BUFFER);
    const last = from + piece >= frame.length ? TX_CMD_EOP | TX_CMD_RS : 0;
    const all = TX_CMD_DATA | command | last | bytes.length;
    driver.writeTx(next, driver.tx.bufferAddress(next), all, from === 0 ? (payload << TX_PAYLEN_SHIFT) | status : 0);
  }
  driver.ring(ixgbe.TDT, next);
  lab.sent.length = 0;
  lab.device.simulation.settle();
  return lab.sent;
}

const payload = Uint8Array.from({ length: 333 }, (_, i) => i * 7);
const IPV6 = { source: '2001:db8::1', destination: '2001:db8:1::2' };
const BOTH = TX_INSERT_IP_CHECKSUM | TX_INSERT_L4_CHECKSUM;

describe('checksums', () => {
  test.each([
    ['TCP over IPv4', { protocol: TCP, payload }],
    ['UDP over IPv4', { protocol: UDP, payload }],
    ['SCTP over IPv4', { protocol: SCTP, payload }],
    ['TCP over IPv6', { ...IPV6, protocol: TCP, payload }],
    ['UDP over IPv6', { ...IPV6, protocol: UDP, payload: payload.subarray(0, 100) }],
  ])('are put into %s', (_what, fields) => {
    const lab = startLab();
    const status = isIpv6(fields) ? TX_INSERT_L4_CHECKSUM : BOTH;
    expect(send(lab, { fields, status })).toEqual([packet({ to: OTHER, ...fields })]);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('of IP alone leave the rest as it is', () => {
    const fields = { protocol: TCP, payload };
    const expected = unfinished(fields, false);
    expected.set(packet({ to: OTHER, ...fields }).subarray(24, 26), 24);
    expect(send(startLab(), { fields, status: TX_INSERT_IP_CHECKSUM })).toEqual([expected]);
  });

  test('of UDP that come out as 0 are stored as all ones', () => {
    const fields = { protocol: UDP, payload: Uint8Array.of(0, 0) };
    const [plain] = send(startLab(), { fields, status: TX_INSERT_L4_CHECKSUM });
    const rest = [plain[40], plain[41]]; // with this payload, what was the checksum makes the sum 0
    const [frame] = send(startLab(), { fields: { ...fields, payload: Uint8Array.from(rest) }, status: BOTH });
    expect([...frame.subarray(40, 42)]).toEqual([0xff, 0xff]);
  });

  test('do not need to know the kind of IP, if only the transport wants one', () => {
    const lab = startLab();
    const fields = { protocol: TCP, payload };
    const frame = unfinished(fields, false);
    const { driver } = lab;
    driver.tx.words.set([(14 << 9) | 20, 0, TX_CMD_DEXT | TX_DTYP_CONTEXT | TX_L4_TCP, 0], 0);
    driver.tx.bytes.set(frame, BUFFER);
    const command = TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | frame.length;
    const status = (frame.length << TX_PAYLEN_SHIFT) | TX_INSERT_L4_CHECKSUM;
    driver.writeTx(1, driver.tx.bufferAddress(1), command, status);
    driver.ring(ixgbe.TDT, 2);
    lab.device.step();
    expect(lab.sent[0].subarray(50, 52)).toEqual(packet({ to: OTHER, ...fields }).subarray(50, 52));
    expect(lab.device.model.violations).toEqual([]);
  });

  test('by legacy descriptors go where CSO says, from CSS on', () => {
    const lab = startLab();
    const fields = { protocol: TCP, payload };
    const frame = unfinished(fields, false);
    frame.set(packet({ to: OTHER, ...fields }).subarray(24, 26), 24);
    lab.driver.tx.bytes.set(frame);
    const command = TX_CMD_EOP | TX_CMD_IFCS | TX_CMD_RS | TX_LEGACY_CMD_IC | (50 << 16) | frame.length;
    lab.driver.writeTx(0, lab.driver.tx.bufferAddress(0), command, 34 << 8);
    lab.driver.ring(ixgbe.TDT, 1);
    lab.device.step();
    expect(lab.sent).toEqual([packet({ to: OTHER, ...fields })]);
    expect(lab.device.model.violations).toEqual([]);
  });
});

describe('VLAN tags', () => {
  const fields = { protocol: UDP, payload };

  test('are put in by VLE from the context', () => {
    const lab = startLab();
    const sent = send(lab, { fields, status: BOTH, command: TX_CMD_VLE, vlan: 0x6123 });
    expect(sent).toEqual([packet({ to: OTHER, ...fields, vlan: 0x6123 })]);
    expect(lab.driver.read(ixgbe.GOTCL)).toBe(sent[0].length + 4);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('are put in by VLE from legacy descriptors', () => {
    const lab = startLab();
    const frame = packet({ to: OTHER, ...fields });
    lab.driver.tx.bytes.set(frame);
    const command = TX_CMD_EOP | TX_CMD_IFCS | TX_CMD_RS | TX_CMD_VLE | frame.length;
    lab.driver.writeTx(0, lab.driver.tx.bufferAddress(0), command, 0x6123 << 16);
    lab.driver.ring(ixgbe.TDT, 1);
    lab.device.step();
    expect(lab.sent).toEqual([packet({ to: OTHER, ...fields, vlan: 0x6123 })]);
  });
});

/** Cuts a packet the way TCP or UDP in software would. */
function segments(fields: PacketFields, mss: number): Uint8Array[] {
  const all = fields.payload ?? new Uint8Array(0);
  const count = Math.max(1, Math.ceil(all.length / mss));
  return Array.from({ length: count }, (_, i) => {
    const frame = packet({ to: OTHER, ...fields, payload: all.subarray(i * mss, (i + 1) * mss) });
    const ip = 14;
    const transport = ip + ipLengthOf(fields);
    const short = transport + l4LengthOf(fields) + all.subarray(i * mss, (i + 1) * mss).length;
    const bytes = [...frame.subarray(0, short)];
    if (!isIpv6(fields)) {
      bytes.splice(ip + 4, 2, ...word(0x1234 + i));
      bytes.splice(ip + 10, 2, 0, 0);
      bytes.splice(ip + 10, 2, ...word(checksum(bytes.slice(ip, transport))));
    }
    if (fields.protocol === TCP) {
      const sequence = 1 + i * mss;
      bytes.splice(transport + 4, 4, ...word(sequence >>> 16), ...word(sequence));
      if (i < count - 1) bytes[transport + 13] &= ~0x09; // FIN and PSH wait for the last
      bytes.splice(transport + 16, 2, 0, 0);
      const pseudo = bytes.slice(transport - (isIpv6(fields) ? 32 : 8), transport);
      const tcp = bytes.slice(transport);
      const sum = checksum([...pseudo, ...word(TCP), ...word(tcp.length), ...tcp]);
      bytes.splice(transport + 16, 2, ...word(sum));
    }
    while (bytes.length < 60) bytes.push(0);
    return Uint8Array.from(bytes);
  });
}

describe('large sends', () => {
  test('become what software would have made of them', () => {
    const property = fc.property(
      fc.constantFrom(TCP, UDP),
      fc.boolean(),
      fc.integer({ min: 100, max: 1400 }),
      fc.uint8Array({ minLength: 1, maxLength: 12_000 }),
      fc.integer({ min: 300, max: BUFFER }),
      (protocol, v6, mss, bytes, piece) => {
        const lab = startLab();
        const fields = { ...(v6 ? IPV6 : {}), protocol, payload: bytes };
        const status = v6 ? TX_INSERT_L4_CHECKSUM : BOTH;
        expect(send(lab, { fields, mss, piece, status, command: TX_CMD_TSE })).toEqual(segments(fields, mss));
        expect(lab.device.model.violations).toEqual([]);
      },
    );
    fc.assert(property, { seed: 82599, numRuns: 60 });
  });

  test('go on where they were when the wire had no room', () => {
    const lab = startLab();
    const frames: Uint8Array[] = [];
    let room = 2;
    lab.device.model.wire = {
      connected: true,
      speed: 0,
      deliver: (bytes, offset, length) => {
        if (room-- <= 0) return false;
        frames.push(bytes.slice(offset, offset + length));
        return true;
      },
      poll: () => 0,
      close: () => {},
    };
    const fields = { protocol: TCP, payload: new Uint8Array(5000).fill(7) };
    lab.device.step();
    send(lab, { fields, mss: 1000, status: BOTH, command: TX_CMD_TSE });
    expect(frames).toHaveLength(2);
    expect(lab.driver.read(ixgbe.TDH)).toBe(1);
    room = 10;
    lab.device.step();
    expect(frames).toEqual(segments(fields, 1000));
    expect(lab.driver.read(ixgbe.GPTC)).toBe(5);
    expect(lab.driver.read(ixgbe.QPTC)).toBe(5);
  });

  test('keep the TCP flags that the registers say, and get a tag each', () => {
    const lab = startLab();
    lab.driver.write(ixgbe.DTXTCPFLGL, 0x0ff0_0fe6);
    lab.driver.write(ixgbe.DTXTCPFLGH, 0x0000_0ff7);
    const fields = { protocol: TCP, payload: new Uint8Array(300) };
    const sent = send(lab, { fields, mss: 100, status: BOTH, command: TX_CMD_TSE | TX_CMD_VLE, vlan: 9 });
    expect(sent.map((frame) => [frame[12], frame[13], frame[15], frame[14 + 4 + 33]])).toEqual([
      [0x81, 0, 9, 0x00],
      [0x81, 0, 9, 0x10],
      [0x81, 0, 9, 0x10],
    ]);
  });
});

test('contexts are two, and each packet names its own', () => {
  const lab = startLab();
  const { driver } = lab;
  const frame = packet({ to: OTHER, payload });
  driver.tx.bytes.set(frame, 2 * BUFFER);
  const type = TX_CMD_DEXT | TX_DTYP_CONTEXT;
  driver.tx.words.set([5 << 16, 0, type, 0], 0);
  driver.tx.words.set([6 << 16, 0, type, 1 << 4], 4);
  for (let i = 0; i < 2; i++) {
    const address = driver.tx.bufferAddress(2);
    const status = (frame.length << TX_PAYLEN_SHIFT) | (i << 4);
    const command = TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | TX_CMD_VLE | frame.length;
    driver.tx.words.set([addressLow(address), addressHigh(address), command, status], (2 + i) * 4);
  }
  driver.ring(ixgbe.TDT, 4);
  lab.device.step();
  expect(lab.sent.map((bytes) => bytes[15])).toEqual([5, 6]);
  expect(lab.device.model.violations).toEqual([]);
});
