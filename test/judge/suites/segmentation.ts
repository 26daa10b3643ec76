/** Packets that the card completes: it cuts what is too long for a frame, and puts checksums in. */
import { expect, it } from 'vitest';
import { pseudoHeaderSum4, pseudoHeaderSum6 } from '../../../src/packets/checksum.ts';
import {
  ETHERTYPE_IPV4,
  type PacketDescription,
  PacketTemplate,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_URG,
} from '../../../src/packets/index.ts';
import type { Bench, Check } from '../harness/bench.ts';
import { STRANGER } from '../harness/ear.ts';
import { GUEST } from '../harness/judged-nic.ts';
import { NOT_CUT, type RawPacket, sendRaw, TCP_IPV4, TCP_IPV6 } from '../harness/raw-sender.ts';

const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
/** Bytes of payload in a segment. */
export const SEGMENT = 1400;
const TCP_BYTES = 20;
/** Flags that only the last segment keeps. */
const ENDING = TCP_FIN | TCP_PSH;

const ETHERNET = { source: GUEST.mac, destination: STRANGER };
const IPV4 = { source: GUEST.ip, destination: '10.99.0.77' };
const IPV6 = { source: '2001:db8::1', destination: '2001:db8::77' };
const PORTS = { sourcePort: 4001, destinationPort: 9 };
/** Both wrap around while the packet is cut. */
const NUMBERS = { identification: 0xfffd, sequenceNumber: 0xffff_f000 };

/** A packet as the kernel sees it, and the frames that the card is to make of it. */
interface Order {
  readonly packet: RawPacket;
  readonly frames: readonly Uint8Array[];
}

export function testSegmentation(bench: Bench): void {
  it('cuts long TCP packets as told', () => cutsPackets(bench));
  it('puts in the checksums of TCP and UDP', () => putsInChecksums(bench));
}

export const cutsPackets: Check = (bench) =>
  makes(
    bench,
    [TCP_ACK, TCP_ACK | TCP_URG | ENDING].flatMap((flags) => [
      cutOrder({ ethernet: ETHERNET, ipv4: IPV4, tcp: { ...PORTS, flags } }, TCP_IPV4),
      cutOrder({ ethernet: ETHERNET, ipv6: IPV6, tcp: { ...PORTS, flags } }, TCP_IPV6),
    ]),
  );

export const putsInChecksums: Check = (bench) =>
  makes(
    bench,
    [0, 1, 47, 1000, 1399].flatMap((length) => {
      const payload = payloadOf(length);
      return [{ ipv4: IPV4 }, { ipv6: IPV6 }].flatMap((network) => [
        wholeOrder({ ethernet: ETHERNET, ...network, tcp: PORTS, payload }, TCP_CHECKSUM),
        wholeOrder({ ethernet: ETHERNET, ...network, udp: PORTS, payload }, UDP_CHECKSUM),
      ]);
    }),
  );

/** Has the guest send all packets, and compares what leaves the card. */
async function makes(bench: Bench, orders: readonly Order[]): Promise<void> {
  const { wire } = bench.nic();
  const expected = orders.flatMap(({ frames }) => frames);
  wire.forget();
  const sending = sendRaw(
    bench,
    orders.map(({ packet }) => packet),
  );
  await Promise.all([sending, wire.passed(expected.length, 'sent')]);
  // The kernel spreads flows over queues, which keep no order among them.
  expect(wire.sent.map(hexadecimal).sort()).toEqual(expected.map(hexadecimal).sort());
}

/** A TCP packet of nine segments and a half. */
function cutOrder(description: PacketDescription, cut: number): Order {
  const payload = payloadOf(9.5 * SEGMENT);
  const { ipv4, tcp } = description;
  const flags = tcp?.flags ?? TCP_ACK;
  const segment = (from: number, to: number): PacketTemplate => {
    const index = from / SEGMENT;
    return new PacketTemplate({
      ...description,
      ...(ipv4 ? { ipv4: { ...ipv4, identification: (NUMBERS.identification + index) & 0xffff } } : {}),
      tcp: {
        ...PORTS,
        sequenceNumber: (NUMBERS.sequenceNumber + from) % 2 ** 32,
        flags: to < payload.length ? flags & ~ENDING : flags,
      },
      payload: payload.subarray(from, to),
    });
  };
  const whole = segment(0, payload.length);
  const frames = [];
  for (let from = 0; from < payload.length; from += SEGMENT) {
    frames.push(segment(from, Math.min(from + SEGMENT, payload.length)).bytes);
  }
  const headers = whole.layout.transport + TCP_BYTES;
  return { packet: { ...unfinished(whole, TCP_CHECKSUM), cut, headers, segmentSize: SEGMENT }, frames };
}

function wholeOrder(description: PacketDescription, checksumOffset: number): Order {
  const template = new PacketTemplate(description);
  const packet = { ...unfinished(template, checksumOffset), cut: NOT_CUT, headers: 0, segmentSize: 0 };
  return { packet, frames: [template.bytes] };
}

/** The packet without what the card is to add: in the checksum's place is the sum of the pseudo-header. */
function unfinished({ bytes, layout }: PacketTemplate, checksumOffset: number) {
  const { network, protocol, transport, transportLength } = layout;
  const sumOf = layout.etherType === ETHERTYPE_IPV4 ? pseudoHeaderSum4 : pseudoHeaderSum6;
  const sum = sumOf(bytes, network, protocol, transportLength);
  const copy = bytes.slice();
  copy.set([sum >>> 8, sum & 0xff], transport + checksumOffset);
  return { bytes: copy, checksumStart: transport, checksumOffset };
}

function payloadOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 31 * i + (i >>> 8));
}

function hexadecimal(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
