/** `ixy pktgen`: sends UDP packets. */
import type { Command } from 'commander';
import type { GenerateJob } from '../apps/generate-worker.ts';
import { FORWARDED, Generator, LoopTotals, type PacketRate, RateMeter } from '../apps/index.ts';
import { WorkerLoops } from '../apps/worker-loops.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { IxyError } from '../errors.ts';
import { type PacketDescription, PacketTemplate, type PortRange, type StampOptions } from '../packets/index.ts';
import { integerFrom, parseStationMac } from '../ports/quantities.ts';
import { programUrl } from '../program-file.ts';
import { addCoresOptions, countedPorts, DeathNotices, loopPlan } from './cores.ts';
import { billions, grouped, millions } from './format.ts';
import { Live } from './live.ts';
import type { LoopOptions } from './loop-options.ts';
import { batchSize, count, duration, optionValue, optionWithDefault, packetRate } from './option-values.ts';
import { type IpRange, parseIpRange, parsePortRange } from './ranges.ts';
import { Session, writesToStandardOutput } from './session.ts';
import { addWatchOption, Watching } from './watch-view.ts';

interface PktgenOptions extends LoopOptions {
  readonly size?: number;
  readonly rate?: PacketRate;
  readonly srcMac?: string;
  readonly dstMac: string;
  readonly srcIp: IpRange;
  readonly dstIp: IpRange;
  readonly srcPort: PortRange;
  readonly dstPort: PortRange;
}

const EXAMPLES = `
Examples:
  ixy pktgen 0000:03:00.0                          as fast as the NIC sends
  ixy pktgen 0000:03:00.0 --rate 1M --size 1514    a million large packets a second
  ixy pktgen 0000:03:00.0 --rate 5G --src-ip 10.0.0.0/24 --dst-port 1000-1999
  ixy pktgen 0000:03:00.0 --cores 2-5              four loops, each with numbers of its own
  ixy pktgen pcap:out.pcap --count 1000            into a file
`;

const ADDRESSES = "an address, a range 'a-b' or a prefix 'a/length'";

export function addPktgen(program: Command): void {
  const command = program
    .command('pktgen')
    .description('Send UDP packets, with a sequence number in the payload and valid checksums.')
    .argument('<port>', "where to send; see 'ixy ports'")
    .option('-s, --size <bytes>', 'bytes per packet without CRC (60 to 9514)', optionValue(integerFrom(60, 9514)))
    .option('-n, --count <packets>', 'end after so many packets', count)
    .option('-r, --rate <rate>', 'packets (14.88M, 1Mpps) or bits on the wire (10G, 100Mbit/s) per second', packetRate)
    .option('-d, --duration <time>', 'end after this time (10, 500ms)', duration)
    .option('--src-mac <mac>', "source; default: the port's own", optionValue(parseStationMac))
    .addOption(optionWithDefault('--dst-mac <mac>', 'destination', parseStationMac, '02:00:00:00:00:02'))
    .addOption(optionWithDefault('--src-ip <range>', ADDRESSES, parseIpRange, '198.18.0.1'))
    .addOption(optionWithDefault('--dst-ip <range>', 'the same', parseIpRange, '198.18.0.2'))
    .addOption(optionWithDefault('--src-port <range>', "a port or a range 'a-b'", parsePortRange, '42'))
    .addOption(optionWithDefault('--dst-port <range>', 'the same', parsePortRange, '1337'))
    .option('-b, --batch <packets>', 'most packets per burst (1 to 4096)', batchSize);
  addWatchOption(addCoresOptions(command))
    .option('--json', 'print one JSON object a second')
    .addHelpText('after', EXAMPLES)
    .action((port: string, options: PktgenOptions) => Session.run((session) => pktgen(session, port, options)));
}

async function pktgen(session: Session, uri: string, options: PktgenOptions): Promise<void> {
  const stream = writesToStandardOutput([uri]) ? process.stderr : process.stdout;
  const mtu = Math.max(1500, (options.size ?? 0) - 14);
  const watching = Watching.of(options);
  const { loops, queues, open } = loopPlan(options);
  const ports = await session.open([uri], { use: 'transmit', mtu, ...open });
  const totals = new LoopTotals(loops, 1, queues);
  const meter = new RateMeter(countedPorts(ports, totals));
  await session.linksUp();
  const generating = await (options.cores ? onCores : inOneLoop)(session, ports[0], totals, { ...options, watching });
  session.limit(options.duration);
  const live = new Live(meter, { json: options.json ?? false, stream, ways: ['tx'], watching });
  try {
    const check = await generating();
    await live.end(([{ seconds, tx }]) => ({
      lines: [
        `sent ${grouped(tx.packets)} packets, ${grouped(tx.bytes)} bytes in ${seconds.toFixed(2)} s: ` +
          `${millions(tx.packetsPerSecond)} Mpps, ${billions(tx.bitsPerSecond)} Gbit/s; ${grouped(tx.dropped)} dropped`,
      ],
      data: { command: 'pktgen', generated: totals.total(0, FORWARDED) },
    }));
    check();
  } finally {
    live.stop();
  }
}

/** Resolves to how to run until the end; that to what throws, behind the summary, if something went wrong. */
type Begin = (
  session: Session,
  port: NetDevice,
  totals: LoopTotals,
  options: PktgenOptions,
) => Promise<() => Promise<() => void>>;

const inOneLoop: Begin = async (session, port, totals, options) => {
  const { rate, count, batch } = options;
  const [counters] = totals.counters;
  const generator = new Generator(port, {
    template: new PacketTemplate(description(port, options)),
    fields: { ...ranges(options), sequence: true },
    rate,
    count,
    batchSize: batch,
    counters,
    watch: options.watching?.here(),
  });
  return async () => {
    await generator.run(session.signal);
    return () => {};
  };
};

const onCores: Begin = async (
  session,
  port,
  totals,
  { cores = [], rate, count, batch, json, watching, ...options },
) => {
  const job: GenerateJob = {
    template: description(port, options),
    fields: ranges(options),
    rate: rate && sharedRate(rate, cores.length),
    batchSize: batch,
  };
  const notices = new DeathNotices(json);
  const loops = await WorkerLoops.start([port], {
    cores,
    program: programUrl('../apps/generate-worker.js', import.meta.url),
    job,
    totals,
    count,
    counted: FORWARDED,
    watch: watching !== undefined,
    onDeath: notices.report,
  });
  watching?.add(loops.watches);
  return async () => {
    const ends = await loops.run(session.signal);
    return () => notices.check(ends);
  };
};

/** What each of so many loops sends. */
function sharedRate(rate: PacketRate, loops: number): PacketRate {
  return 'framesPerSecond' in rate
    ? { framesPerSecond: rate.framesPerSecond / loops }
    : { bitsPerSecond: rate.bitsPerSecond / loops };
}

function description(port: NetDevice, options: PktgenOptions): PacketDescription {
  const { srcMac = port.mac, dstMac, srcIp, dstIp, srcPort, dstPort } = options;
  if (srcIp.version !== dstIp.version) {
    throw new IxyError('ERR_ARGUMENT', '--src-ip and --dst-ip must both be IPv4 or both be IPv6');
  }
  const addresses = { source: srcIp.first, destination: dstIp.first };
  return {
    size: options.size ?? (srcIp.version === 4 ? 60 : 74), // the smallest with room for a sequence number
    ethernet: { source: srcMac, destination: dstMac },
    ...(srcIp.version === 4 ? { ipv4: addresses } : { ipv6: addresses }),
    udp: { sourcePort: srcPort.first, destinationPort: dstPort.first },
  };
}

function ranges({ srcIp, dstIp, srcPort, dstPort }: PktgenOptions): Omit<StampOptions, 'sequence'> {
  return {
    ...(srcIp.first === srcIp.last ? {} : { sourceIp: srcIp }),
    ...(dstIp.first === dstIp.last ? {} : { destinationIp: dstIp }),
    ...(srcPort.first === srcPort.last ? {} : { sourcePort: srcPort }),
    ...(dstPort.first === dstPort.last ? {} : { destinationPort: dstPort }),
  };
}
