/** What descriptors report of received packets, and which queue gets them. */
import { describe, expect, test } from 'vitest';
import {
  RX_ERROR_IP_CHECKSUM,
  RX_ERROR_L4_CHECKSUM,
  RX_STATUS_IP_CHECKSUM,
  RX_STATUS_L4_CHECKSUM,
  RX_STATUS_UDP_CHECKSUM,
  RX_STATUS_VLAN,
} from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { PacketHeaders } from '../../../src/emulation/packet-headers.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { PUBLISHED_HASHES, PUBLISHED_KEY } from '../../support/published-hashes.ts';
import { packet, SCTP, TCP, UDP } from './packets.ts';
import { frameTo, type Lab, MAC, RING, RingMemory, startLab } from './test-driver.ts';

const { RXCSUM, MRQC, RSSRK, RETA, VLNCTRL, VFTA, RXDCTL, ETQF, ETQS, XEC, RXCTRL } = ixgbe;

interface Report {
  readonly type: number;
  readonly hash: number;
  readonly status: number;
  readonly length: number;
  readonly vlan: number;
}

/** Sends one frame in, and reads its descriptor. */
function report({ wire, device, driver }: Lab, frame: Uint8Array): Report {
  const at = driver.read(ixgbe.RDH) * 4;
  wire.send(frame);
  device.step();
  const { words } = driver.rx;
  const [type, hash, status, last] = words.subarray(at, at + 4);
  driver.receive();
  return { type, hash: hash >>> 0, status, length: last & 0xffff, vlan: last >>> 16 };
}

/** Changes what may only change while the receiver is off. */
function reconfigure({ driver }: Lab, change: () => void): void {
  driver.clear(RXCTRL, 1);
  change();
  driver.set(RXCTRL, 1);
}

/** Received checks as [IP, transport]: 'right', 'wrong', or 'no' for none. */
function checks(status: number): [string, string] {
  const verdict = (checked: number, wrong: number): string =>
    (status & checked) === 0 ? 'no' : (status & wrong) === 0 ? 'right' : 'wrong';
  return [verdict(RX_STATUS_IP_CHECKSUM, RX_ERROR_IP_CHECKSUM), verdict(RX_STATUS_L4_CHECKSUM, RX_ERROR_L4_CHECKSUM)];
}

function spoilt(frame: Uint8Array, at: number): Uint8Array {
  const bytes = frame.slice();
  bytes[at] ^= 0x40;
  return bytes;
}

const IPV6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const payload = Uint8Array.from({ length: 101 }, (_, i) => i * 3);

describe('packet types and checksums', () => {
  test.each([
    ['TCP over IPv4', packet({ protocol: TCP, payload }), 0x110, ['right', 'right']],
    ['UDP over IPv4', packet({ protocol: UDP, payload }), 0x210, ['right', 'right']],
    ['SCTP over IPv4', packet({ protocol: SCTP, payload }), 0x410, ['right', 'right']],
    ['TCP over IPv6', packet({ ...IPV6, protocol: TCP, payload }), 0x140, ['no', 'right']],
    ['UDP over IPv6', packet({ ...IPV6, protocol: UDP, payload }), 0x240, ['no', 'right']],
    ['behind a VLAN tag', packet({ protocol: TCP, payload, vlan: 5 }), 0x110, ['right', 'right']],
    ['a protocol without ports', packet({ protocol: 47, payload }), 0x010, ['right', 'no']],
    ['a first fragment', packet({ protocol: TCP, payload, fragment: 0x2000 }), 0x010, ['right', 'no']],
    ['a later fragment', packet({ protocol: TCP, payload, fragment: 0x0010 }), 0x010, ['right', 'no']],
    ['no IP at all', frameTo(MAC, 60), 0, ['no', 'no']],
    ['a wrong IP checksum', spoilt(packet({ protocol: TCP, payload }), 22), 0x110, ['wrong', 'right']],
    ['a wrong TCP checksum', spoilt(packet({ protocol: TCP, payload }), 80), 0x110, ['right', 'wrong']],
    ['a wrong UDP checksum', spoilt(packet({ ...IPV6, payload }), 80), 0x240, ['no', 'wrong']],
    ['a wrong SCTP checksum', spoilt(packet({ protocol: SCTP, payload }), 80), 0x410, ['right', 'wrong']],
  ])('of %s', (_what, frame, type, expected) => {
    const lab = startLab();
    const found = report(lab, frame);
    expect(found.type & 0x1_fff0).toBe(type);
    expect(checks(found.status)).toEqual(expected);
    expect((found.status & RX_STATUS_UDP_CHECKSUM) !== 0).toBe((type & 0x200) !== 0 && expected[1] !== 'no');
    expect(lab.driver.read(XEC)).toBe(expected.includes('wrong') ? 1 : 0);
  });

  test('of UDP without a checksum: none to check over IPv4', () => {
    const frame = packet({ payload });
    frame.fill(0, 40, 42);
    expect(checks(report(startLab(), frame).status)).toEqual(['right', 'no']);
  });

  test('are reported to legacy descriptors by the same bits', () => {
    const lab = startLab();
    lab.driver.clear(RXDCTL, RXDCTL.bits.ENABLE.mask);
    lab.device.clock.pause(1);
    lab.driver.write(ixgbe.SRRCTL, 0x402);
    lab.driver.enableRxQueue();
    lab.wire.send(spoilt(packet({ protocol: TCP, payload }), 80));
    lab.device.step();
    // DD, EOP, L4CS, IPCS; TCPE in the error byte.
    expect(lab.driver.rx.words[3] & 0xffff).toBe(0x4063);
  });

  test('are left out for a driver that asks for nothing, if the model may save that time', () => {
    const lab = startLab({ strict: false });
    expect(report(lab, packet({ protocol: TCP, payload }))).toMatchObject({ type: 0, status: 3 });
    lab.driver.write(RXCSUM, RXCSUM.bits.PCSD.mask);
    expect(report(lab, packet({ protocol: TCP, payload })).type).toBe(0x110);
  });

  test('headers that lie about their length are not read beyond the frame', () => {
    const headers = new PacketHeaders();
    const whole = packet({ protocol: TCP, payload });
    for (let length = 14; length < whole.length; length++) {
      headers.parse(whole, 0, length, 0x8100);
      expect(headers.transport).toBe(-1);
    }
    for (const [at, value] of [
      [14, 0x41],
      [14, 0x65],
      [16, 0xff],
      [17, 19],
    ]) {
      const bytes = whole.slice();
      bytes[at] = value;
      headers.parse(bytes, 0, bytes.length, 0x8100);
      expect(headers.transport, `byte ${at}: ${value}`).toBe(-1);
    }
  });
});

const KEY = Uint8Array.from(Buffer.from(PUBLISHED_KEY, 'hex'));
const ALL_FIELDS = 0x00f3 << 16;

function labWithRss(fields = ALL_FIELDS): Lab {
  const lab = startLab();
  reconfigure(lab, () => {
    const words = new DataView(KEY.buffer);
    for (let i = 0; i < 10; i++) lab.driver.write(RSSRK, words.getUint32(4 * i, true), i);
    lab.driver.write(RXCSUM, RXCSUM.bits.PCSD.mask);
    lab.driver.write(MRQC, fields | 1);
  });
  return lab;
}

/** Gives queue `queue` a ring of its own. */
function addQueue({ driver, device }: Lab, queue: number): RingMemory {
  const memory = new RingMemory(device.dma);
  driver.clear(ixgbe.DCA_RXCTRL, ixgbe.DCA_RXCTRL.bits.MUST_BE_ZERO.mask, queue);
  driver.write(ixgbe.RDBAL, addressLow(memory.address), queue);
  driver.write(ixgbe.RDBAH, addressHigh(memory.address), queue);
  driver.write(ixgbe.RDLEN, RING * 16, queue);
  driver.write(ixgbe.SRRCTL, 0x0200_0402, queue);
  driver.set(RXDCTL, RXDCTL.bits.ENABLE.mask, queue);
  device.clock.pause(1);
  for (let i = 0; i < RING; i++) {
    memory.words.set([addressLow(memory.bufferAddress(i)), addressHigh(memory.bufferAddress(i)), 0, 0], i * 4);
  }
  driver.ring(ixgbe.RDT, RING - 1, queue);
  return memory;
}

describe('RSS', () => {
  test.each(PUBLISHED_HASHES)(
    'hashes %s:%i to %s:%i as published',
    (source, sourcePort, destination, destinationPort, ip, tcp) => {
      const fields = { source, sourcePort, destination, destinationPort };
      const isIpv6 = source.includes(':');
      const lab = labWithRss();
      expect(report(lab, packet({ ...fields, protocol: TCP }))).toMatchObject({ hash: tcp });
      expect(report(lab, packet({ ...fields, protocol: UDP })).hash).toBe(tcp);
      expect(report(lab, packet({ ...fields, protocol: SCTP })).hash).toBe(ip);
      expect(report(lab, packet({ ...fields, protocol: TCP })).type & 0xf).toBe(isIpv6 ? 3 : 1);
      expect(report(lab, packet({ ...fields, protocol: UDP })).type & 0xf).toBe(isIpv6 ? 8 : 7);
      expect(report(lab, packet({ ...fields, protocol: SCTP })).type & 0xf).toBe(isIpv6 ? 5 : 2);
    },
  );

  test('hashes addresses alone where ports are not asked for, or are not there', () => {
    const [source, sourcePort, destination, destinationPort, ip] = PUBLISHED_HASHES[0];
    const fields = { source, sourcePort, destination, destinationPort };
    expect(report(labWithRss(MRQC.bits.IPV4.mask), packet({ ...fields, protocol: TCP })).hash).toBe(ip);
    const fragment = report(labWithRss(), packet({ ...fields, protocol: TCP, fragment: 0x2000 }));
    expect([fragment.hash, fragment.type & 0xf]).toEqual([ip, 2]);
    expect(report(labWithRss(MRQC.bits.TCP_IPV6.mask), packet(fields))).toMatchObject({ hash: 0, type: 0x210 });
    expect(report(labWithRss(), frameTo(MAC, 60)).type & 0xf).toBe(0);
  });

  test('does not report the hash unless RXCSUM.PCSD makes room for it', () => {
    const lab = labWithRss();
    lab.driver.write(RXCSUM, 0);
    expect(report(lab, packet({ protocol: TCP }))).toMatchObject({ hash: 0, type: 0x110 });
  });

  test('chooses the queue by the last seven bits and RETA', () => {
    const lab = labWithRss();
    const [source, sourcePort, destination, destinationPort, , tcp] = PUBLISHED_HASHES[1];
    const frame = packet({ source, sourcePort, destination, destinationPort, protocol: TCP });
    const memory = addQueue(lab, 5);
    const entry = tcp & 0x7f;
    lab.driver.write(RETA, 0xf5 << (8 * (entry & 3)), entry >>> 2);
    lab.wire.send(frame);
    lab.wire.send(frameTo(MAC, 60));
    lab.device.step();
    expect(memory.words[2] & 3).toBe(3);
    expect(memory.words[1] >>> 0).toBe(tcp);
    expect(lab.driver.receive()).toEqual([frameTo(MAC, 60)]);
    expect(lab.driver.read(ixgbe.RDH, 5)).toBe(1);
    expect(lab.device.model.violations).toEqual([]);
  });
});

describe('VLANs', () => {
  const tagged = packet({ vlan: 0x6123, payload });
  const plain = packet({ payload });

  test('are told from the frame by VME, and put into the descriptor', () => {
    const lab = startLab();
    lab.driver.set(RXDCTL, RXDCTL.bits.VME.mask);
    lab.wire.send(tagged);
    lab.wire.send(plain);
    lab.device.step();
    const { words } = lab.driver.rx;
    expect([words[3] >>> 16, words[2] & RX_STATUS_VLAN]).toEqual([0x6123, RX_STATUS_VLAN]);
    expect([words[7] >>> 16, words[6] & RX_STATUS_VLAN]).toEqual([0, 0]);
    expect(lab.driver.receive()).toEqual([plain, plain]);
  });

  test('of any value come through', () => {
    const lab = startLab();
    lab.driver.set(RXDCTL, RXDCTL.bits.VME.mask);
    for (const vlan of [0, 0x7ff0, 0x7ff5, 0xfff1, 0xffff]) {
      expect(report(lab, packet({ vlan, payload }))).toMatchObject({ vlan, length: plain.length });
    }
  });

  test('stay in the frame without VME', () => {
    expect(report(startLab(), tagged)).toMatchObject({ length: tagged.length, vlan: 0 });
  });

  test('are filtered by VFTA with VFE; frames without a tag pass', () => {
    const lab = startLab();
    for (let i = 0; i < VFTA.length; i++) lab.driver.write(VFTA, i === 0x123 >> 5 ? 1 << (0x123 & 31) : 0, i);
    lab.driver.set(VLNCTRL, VLNCTRL.bits.VFE.mask);
    for (const frame of [tagged, plain, packet({ vlan: 0x122, payload })]) lab.wire.send(frame);
    lab.device.step();
    expect(lab.driver.receive()).toEqual([tagged, plain]);
    expect(lab.driver.read(ixgbe.GPRC)).toBe(2);
    lab.driver.clear(VLNCTRL, VLNCTRL.bits.VFE.mask);
    lab.wire.send(packet({ vlan: 7 }));
    lab.device.step();
    expect(lab.driver.receive()).toHaveLength(1);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('are known by the type that VLNCTRL.VET says', () => {
    const lab = startLab();
    lab.driver.write(VLNCTRL, 0x88a8);
    lab.driver.set(RXDCTL, RXDCTL.bits.VME.mask);
    const outer = tagged.slice();
    outer.set([0x88, 0xa8], 12);
    expect(report(lab, outer).vlan).toBe(0x6123);
    expect(report(lab, tagged).vlan).toBe(0);
  });
});

describe('EtherType filters', () => {
  test('choose a queue, and say which of them it was', () => {
    const lab = labWithRss();
    const memory = addQueue(lab, 9);
    lab.driver.write(ETQF, 0x88f7 | ETQF.bits.FILTER_ENABLE.mask, 3);
    lab.driver.write(ETQS, (9 << ETQS.bits.RX_QUEUE.shift) | ETQS.bits.QUEUE_ENABLE.mask, 3);
    const frame = frameTo(MAC, 60);
    frame.set([0x88, 0xf7], 12);
    lab.wire.send(frame);
    lab.device.step();
    expect(memory.words[0]).toBe(0x8000 | (3 << 4));
    lab.driver.write(ETQF, 0x88f7, 3);
    expect(report(lab, frame).type).toBe(0);
  });
});

test('unicast addresses listed in PFUTA pass, as by an inexact filter', () => {
  const lab = startLab();
  const frame = frameTo('02:00:00:00:56:34', 60);
  const hash = 0x3456 >> 4;
  lab.driver.write(ixgbe.MCSTCTRL, ixgbe.MCSTCTRL.bits.MFE.mask);
  lab.wire.send(frame);
  lab.device.step();
  expect(lab.driver.receive()).toEqual([]);
  lab.driver.write(ixgbe.PFUTA, 1 << (hash & 31), hash >> 5);
  expect(report(lab, frame).status & 0x80).toBe(0x80);
});
