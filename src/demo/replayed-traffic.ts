/** A capture file, replayed to one NIC and recorded behind the other: what comes out must be what went in. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grouped } from '../cli/format.ts';
import { closeOnExit } from '../drivers/lifecycle.ts';
import { CaptureFileReader, CaptureFileWriter, PacketTemplate } from '../packets/index.ts';
import type { Report, Stage } from './report.ts';
import { TwoPorts } from './two-ports.ts';

const LARGEST = 1514;
const SMALLEST = 80;

export async function replayedTraffic(report: Report, quick: boolean): Promise<void> {
  const packets = quick ? 5000 : 50_000;
  await report.stage('replay', `A capture of ${grouped(packets)} packets, replayed and recorded`, async (stage) => {
    const directory = mkdtempSync(join(tmpdir(), 'ixy-demo-'));
    const remove = { close: () => rmSync(directory, { recursive: true, force: true }) };
    const forget = closeOnExit(remove);
    try {
      await replay(stage, join(directory, 'in.pcap'), join(directory, 'out.pcapng'), packets);
    } finally {
      forget();
      remove.close();
    }
  });
}

async function replay(stage: Stage, input: string, output: string, packets: number): Promise<void> {
  writeCapture(input, packets);
  const ports = await TwoPorts.open({
    left: { wire: `pcap:${input}`, strict: '1' },
    right: { wire: `pcap:,${output}`, strict: '1' },
  });
  try {
    await ports.forward(stage, { whenFull: 'wait' });
    ports.checkRules(stage);
  } finally {
    ports.close(); // writes what is still buffered
  }
  const same = countEqual(input, output);
  const [before, after] = [input, output].map(countPackets);
  stage.check(
    same === packets && after === before,
    `${grouped(same)} of ${grouped(before)} packets the same, in order`,
  );
  stage.figures = { packets: before, recorded: after, same };
}

/** Packets of many sizes and kinds. */
function writeCapture(path: string, packets: number): void {
  const templates = describe().map((description) => new PacketTemplate(description));
  const writer = new CaptureFileWriter(path);
  try {
    for (let i = 0; i < packets; i++) {
      const { bytes, size } = templates[i % templates.length];
      bytes[size - 1] = i;
      bytes[size - 2] = i >>> 8;
      writer.write(bytes, 0, size, 1_700_000_000, i);
    }
  } finally {
    writer.close();
  }
}

function describe() {
  const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
  const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };
  const ipv6 = { source: '2001:db8::1', destination: '2001:db8::2' };
  const udp = { sourcePort: 42, destinationPort: 1337 };
  const tcp = { sourcePort: 1024, destinationPort: 80 };
  const sizes = Array.from({ length: 64 }, (_, i) => SMALLEST + Math.round((i / 63) * (LARGEST - SMALLEST)));
  return sizes.map((size, i) => {
    const network = i % 2 === 0 ? { ipv4 } : { ipv6 };
    const transport = i % 3 === 0 ? { tcp } : { udp };
    const tag = i % 5 === 0 ? { vlan: { id: 1 + i } } : {};
    return { size, ethernet, ...tag, ...network, ...transport };
  });
}

/** Packets of `a` that `b` has at the same place. */
function countEqual(a: string, b: string): number {
  const [left, right] = [new CaptureFileReader(a), new CaptureFileReader(b)];
  try {
    for (let equal = 0; ; equal++) {
      const [one, other] = [left.next(), right.next()];
      if (!one || !other) return equal;
      const [oneBytes, otherBytes] = [one, other].map(({ bytes, offset, length }) =>
        bytes.subarray(offset, offset + length),
      );
      if (Buffer.compare(oneBytes, otherBytes) !== 0) return equal;
    }
  } finally {
    left.close();
    right.close();
  }
}

function countPackets(path: string): number {
  return [...new CaptureFileReader(path)].length;
}
