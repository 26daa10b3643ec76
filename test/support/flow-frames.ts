/**
 * Frames for tests of receive side scaling, random within what matters to it: tags, options, extension headers, fragments,
 * protocols, lengths that lie. Made byte by byte, apart from src/packets.
 */
import fc from 'fast-check';

export interface FlowFrame {
  readonly isIpv4: boolean;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
  /** EtherTypes of VLAN tags, from the outermost. */
  readonly tags: readonly number[];
  /** IPv4: 32-bit words of options. IPv6: numbers of extension headers. */
  readonly options: number;
  readonly extensions: readonly number[];
  /** Flags and offset of IPv4. */
  readonly fragment: number;
  /** Segments left, in routing headers. */
  readonly segmentsLeft: number;
  /** What IP's length says beyond the truth. */
  readonly lie: number;
  readonly payload: number;
}

const port = fc.integer({ min: 0, max: 0xffff });
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** By default, whatever there is; with `plain`, TCP and UDP packets without anything unusual about them. */
export function flowFrames(plain = false): fc.Arbitrary<FlowFrame> {
  const usually = <T>(value: T, others: readonly T[]) =>
    plain ? fc.constant(value) : fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, fc.constantFrom(...others));
  return fc.boolean().chain((isIpv4) =>
    fc.record({
      isIpv4: fc.constant(isIpv4),
      source: bytesOf(isIpv4 ? 4 : 16),
      destination: bytesOf(isIpv4 ? 4 : 16),
      sourcePort: port,
      destinationPort: port,
      protocol: plain ? fc.constantFrom(6, 17) : fc.constantFrom(6, 17, 6, 17, 132, 1, 47, 50, 51, 58, 59),
      tags: usually<readonly number[]>([], [[0x8100], [0x88a8], [0x8100, 0x8100], [0x88a8, 0x8100]]),
      options: usually(0, [1, 10]),
      extensions: usually<readonly number[]>(
        [],
        [[0], [60], [43], [44], [0, 43, 60], [60, 44], [51], [135], [0, 60, 50]],
      ),
      fragment: usually(0, [0x4000, 0x2000, 0x0001, 0x3fff, 0x8000]),
      segmentsLeft: usually(0, [1]),
      lie: usually(0, [-1000, -25, -13, -8, -1, 1, 1000]),
      payload: fc.integer({ min: 0, max: 200 }),
    }),
  );
}

/** The frame's bytes, to everybody; checksums are 0. */
export function frameBytes(flow: FlowFrame): Uint8Array {
  const transport = [...word(flow.sourcePort), ...word(flow.destinationPort), ...transportRest(flow)];
  const types = [...flow.tags, flow.isIpv4 ? 0x0800 : 0x86dd];
  const frame = [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1];
  for (const [i, type] of types.entries()) frame.push(...word(type), ...(i < flow.tags.length ? word(5) : []));
  frame.push(...(flow.isIpv4 ? ipv4(flow, transport.length) : ipv6(flow, transport.length)), ...transport);
  while (frame.length < 60) frame.push(0);
  return Uint8Array.from(frame);
}

/** The answer: sender and receiver have changed places. */
export function answerTo(flow: FlowFrame): FlowFrame {
  const { source, destination, sourcePort, destinationPort } = flow;
  return {
    ...flow,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
}

function transportRest({ protocol, payload }: FlowFrame): number[] {
  const data = Array.from({ length: payload }, (_, i) => i & 0xff);
  return protocol === 6
    ? [0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0, ...data]
    : [...word(8 + payload), 0, 0, ...data];
}

function ipv4(flow: FlowFrame, length: number): number[] {
  const header = 20 + 4 * flow.options;
  const total = Math.max(0, header + length + flow.lie);
  const fixed = [0x40 | (header / 4), 0, ...word(total), 0, 1, ...word(flow.fragment), 64, flow.protocol, 0, 0];
  return [...fixed, ...flow.source, ...flow.destination, ...new Array(4 * flow.options).fill(1)];
}

function ipv6(flow: FlowFrame, length: number): number[] {
  const { extensions, protocol, segmentsLeft } = flow;
  const headers = extensions.flatMap((kind, i) => {
    const next = extensions[i + 1] ?? protocol;
    if (kind === 44) return [next, 0, ...word(flow.fragment & 0xfff9), 0, 0, 0, 7];
    if (kind === 43) return [next, 2, 0, segmentsLeft, ...new Array(20).fill(9)];
    return [next, 0, 1, 4, 0, 0, 0, 0];
  });
  const total = Math.max(0, headers.length + length + flow.lie);
  const first = extensions[0] ?? protocol;
  return [0x60, 0, 0, 0, ...word(total), first, 64, ...flow.source, ...flow.destination, ...headers];
}

function word(value: number): [number, number] {
  return [(value >>> 8) & 0xff, value & 0xff];
}
