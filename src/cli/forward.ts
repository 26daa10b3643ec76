/** `ixy forward`: moves packets between two ports. */
import type { Command } from 'commander';
import type { ForwardJob } from '../apps/forward-worker.ts';
import {
  bestPollMode,
  type DirectionSummary,
  DROPPED,
  FORWARDED,
  Forwarder,
  LoopTotals,
  PacketRecorder,
  RateMeter,
  RECEIVED,
  type Recorder,
} from '../apps/index.ts';
import { Recording } from '../apps/recording.ts';
import { WorkerLoops } from '../apps/worker-loops.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import { programUrl } from '../program-file.ts';
import { countedPorts, DeathNotices, loopPlan } from './cores.ts';
import { grouped } from './format.ts';
import { Live } from './live.ts';
import { addReceiveOptions, type ReceiveOptions } from './loop-options.ts';
import { capturesToCreate, Session, writesToStandardOutput } from './session.ts';
import { Watching } from './watch-view.ts';

interface ForwardOptions extends ReceiveOptions {
  readonly pcap?: string;
}

const EXAMPLES = `
Examples:
  ixy forward 0000:03:00.0 0000:03:00.1
  ixy forward 0000:03:00.0 0000:03:00.1 --pcap passed.pcapng
  ixy forward 0000:03:00.0 0000:03:00.1 --cores 2-5   four loops, which flows are spread over
  ixy forward tap:left tap:right                     between two interfaces of the kernel
  ixy forward pcap:in.pcap pcap:out.pcap             ends with the file
  ixy forward 'emulated:ixgbe?wire=generator' 'emulated:ixgbe?wire=loopback' --duration 10
`;

export function addForward(program: Command): void {
  const command = program
    .command('forward')
    .description('Move packets between two ports, both ways, and touch each of them.')
    .argument('<port>', "one port; see 'ixy ports'")
    .argument('<port>', 'the other one')
    .option('-w, --pcap <file>', "record what passes ('.pcapng', else pcap; '-' for standard output)");
  addReceiveOptions(command, 'end after so many packets, over both directions')
    .addHelpText('after', EXAMPLES)
    .action((a: string, b: string, options: ForwardOptions) => {
      return Session.run((session) => run(session, [a, b], options));
    });
}

async function run(session: Session, uris: readonly string[], options: ForwardOptions): Promise<void> {
  const { json = false, mtu = 1500 } = options;
  for (const uri of json ? [] : capturesToCreate(uris)) {
    process.stderr.write(`ixy: ${uri}: there is no such file, so it is written\n`);
  }
  const watching = Watching.of(options);
  const { loops, queues, open } = loopPlan(options);
  const ports = await session.open(uris, { promiscuous: true, mtu, ...open });
  const totals = new LoopTotals(loops, 2, queues);
  const meter = new RateMeter(countedPorts(ports, totals));
  await session.linksUp();
  const forwarding = await (options.cores ? onCores : inOneLoop)(session, ports, totals, { ...options, watching });
  const takesOutput = options.pcap === '-' || writesToStandardOutput(uris);
  const live = new Live(meter, {
    json,
    stream: takesOutput ? process.stderr : process.stdout,
    ways: ['rx', 'tx'],
    watching,
  });
  try {
    session.limit(options.duration);
    await forwarding.run();
    const directions = [0, 1].map((way) => summary(ports, totals, way));
    const { recorder } = forwarding;
    const recorded = recorder && { file: options.pcap, packets: recorder.recorded, dropped: recorder.dropped };
    await live.end(() => ({
      lines: [...directions.map(describe), ...(recorded ? [describeRecording(recorded)] : [])],
      data: { command: 'forward', directions, ...(recorded ? { recorded } : {}) },
    }));
    forwarding.check();
  } finally {
    live.stop();
    forwarding.close();
  }
}

/** A forwarder that is about to run, in whatever way. */
interface Forwarding {
  readonly recorder: Omit<Recorder, 'record'> | undefined;
  run(): Promise<void>;
  /** Throws what only those are told who know the summary. */
  check(): void;
  close(): void;
}

type Begin = (
  session: Session,
  ports: readonly NetDevice[],
  totals: LoopTotals,
  options: ForwardOptions,
) => Promise<Forwarding>;

const inOneLoop: Begin = async (session, [a, b], totals, { pcap, batch, count, ...options }) => {
  // A file can wait until the other port has room; a NIC drops, and counts, what its ring has no room for.
  const whenFull = [a, b].some((port) => port.driver === 'pcap') ? 'wait' : 'drop';
  const recorder = pcap === undefined ? undefined : new PacketRecorder(pcap);
  const close = (): void => recorder?.close();
  try {
    const [counters] = totals.counters;
    const watch = options.watching?.here();
    const { pollMode = bestPollMode([a, b]) } = options;
    const forwarder = new Forwarder(a, b, { batchSize: batch, count, recorder, whenFull, pollMode, counters, watch });
    const run = async (): Promise<void> => {
      await forwarder.run(session.signal);
      close();
    };
    return { recorder, run, check: () => {}, close };
  } catch (error) {
    close();
    throw error;
  }
};

const onCores: Begin = async (session, ports, totals, { cores = [], pcap, batch, count, pollMode, json, watching }) => {
  const job: ForwardJob = { batchSize: batch, pollMode };
  const notices = new DeathNotices(json);
  const recording = pcap === undefined ? undefined : new Recording({ path: pcap }, cores.length);
  const loops = await WorkerLoops.start(ports, {
    cores,
    program: programUrl('../apps/forward-worker.js', import.meta.url),
    job,
    totals,
    count,
    counted: RECEIVED,
    recording,
    watch: watching !== undefined,
    onDeath: notices.report,
  });
  watching?.add(loops.watches);
  let check = (): void => {};
  const run = async (): Promise<void> => {
    const ends = await loops.run(session.signal);
    check = () => notices.check(ends);
  };
  return { recorder: recording, run, check: () => check(), close: () => {} };
};

function summary(ports: readonly NetDevice[], totals: LoopTotals, way: number): DirectionSummary {
  const [from, to] = [ports[way].name, ports[1 - way].name];
  const [received, forwarded, dropped] = [RECEIVED, FORWARDED, DROPPED].map((counter) => totals.total(way, counter));
  return { from, to, received, forwarded, dropped };
}

function describe({ from, to, received, forwarded, dropped }: DirectionSummary): string {
  return `${from} → ${to}: received ${grouped(received)}, forwarded ${grouped(forwarded)}, dropped ${grouped(dropped)}`;
}

function describeRecording(recorded: { file: string | undefined; packets: number; dropped: number }): string {
  return `recorded ${grouped(recorded.packets)} packets in ${recorded.file}, left out ${grouped(recorded.dropped)}`;
}
