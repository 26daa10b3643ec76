/** `ixy capture`: records what a port receives. */
import { type Command, Option } from 'commander';
import type { CaptureJob } from '../apps/capture-worker.ts';
import {
  bestPollMode,
  type Counted,
  capture,
  LoopTotals,
  PacketRecorder,
  RateMeter,
  RECEIVED,
  type Recorder,
} from '../apps/index.ts';
import { Recording } from '../apps/recording.ts';
import { WorkerLoops } from '../apps/worker-loops.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import type { CaptureFormat, CaptureWriterOptions } from '../packets/index.ts';
import { integerFrom } from '../ports/quantities.ts';
import { programUrl } from '../program-file.ts';
import { countedPorts, DeathNotices, loopPlan } from './cores.ts';
import { grouped } from './format.ts';
import { Live } from './live.ts';
import { addReceiveOptions, type ReceiveOptions } from './loop-options.ts';
import { optionValue } from './option-values.ts';
import { Session } from './session.ts';
import { Watching } from './watch-view.ts';

interface CaptureCommandOptions extends ReceiveOptions {
  readonly write: string;
  readonly format?: CaptureFormat;
  readonly snaplen?: number;
}

const EXAMPLES = `
Examples:
  ixy capture 0000:03:00.0 -w received.pcapng
  ixy capture 0000:03:00.0 -w headers.pcap --snaplen 96 --count 1M
  ixy capture 0000:03:00.0 -w all.pcap --cores 2,3   two loops, and a thread that writes
  ixy capture tap:tap0 -w - | tcpdump -n -r -        watch while it runs
`;

export function addCapture(program: Command): void {
  const command = program
    .command('capture')
    .description('Record what a port receives, with time stamps in nanoseconds; the port receives every frame.')
    .argument('<port>', "where to receive; see 'ixy ports'")
    .requiredOption('-w, --write <file>', "file to create; '-' for standard output")
    .addOption(
      new Option('--format <format>', "default: by the file's name, pcapng for '.pcapng', else pcap").choices([
        'pcap',
        'pcapng',
      ]),
    )
    .option('--snaplen <bytes>', 'bytes kept of each packet; default: all', optionValue(integerFrom(1, 262_144)));
  addReceiveOptions(command, 'end after so many packets')
    .addHelpText('after', EXAMPLES)
    .action((port: string, options: CaptureCommandOptions) => Session.run((session) => run(session, port, options)));
}

async function run(session: Session, uri: string, options: CaptureCommandOptions): Promise<void> {
  const { write, json = false, mtu = 1500 } = options;
  const watching = Watching.of(options);
  const { loops, queues, open } = loopPlan(options);
  const [port] = await session.open([uri], { use: 'receive', promiscuous: true, mtu, ...open });
  const totals = new LoopTotals(loops, 1, queues);
  await session.linksUp();
  const capturing = await (options.cores ? onCores : inOneLoop)(session, port, totals, { ...options, watching });
  const { recorder } = capturing;
  const meter = new RateMeter([withDrops(countedPorts([port], totals)[0], recorder)]);
  const live = new Live(meter, {
    json,
    stream: write === '-' ? process.stderr : process.stdout,
    ways: ['rx'],
    watching,
  });
  try {
    session.limit(options.duration);
    const check = await capturing.run();
    const summary = { received: totals.total(0, RECEIVED), recorded: recorder.recorded, dropped: recorder.dropped };
    await live.end(([{ rx }]) => ({
      lines: [
        `received ${grouped(summary.received)} packets, recorded ${grouped(summary.recorded)} in ${write}, left out ` +
          `${grouped(summary.dropped)}; the port dropped ${grouped(rx.dropped - summary.dropped)}`,
      ],
      data: { command: 'capture', file: write, ...summary },
    }));
    check();
  } finally {
    live.stop();
    capturing.close();
  }
}

/** A capture that is about to run, in whatever way. */
interface Capturing {
  readonly recorder: Omit<Recorder, 'record'>;
  /** Resolves to what throws, behind the summary, if something went wrong. */
  run(): Promise<() => void>;
  close(): void;
}

type Begin = (
  session: Session,
  port: NetDevice,
  totals: LoopTotals,
  options: CaptureCommandOptions,
) => Promise<Capturing>;

const inOneLoop: Begin = async ({ signal }, port, totals, options) => {
  const recorder = new PacketRecorder(options.write, writerOptions(options));
  const run = async (): Promise<() => void> => {
    const { batch, count, pollMode = bestPollMode([port]) } = options;
    const [counters] = totals.counters;
    const watch = options.watching?.here();
    await capture(port, recorder, { signal, count, batchSize: batch, pollMode, counters, watch });
    recorder.close();
    return () => {};
  };
  return { recorder, run, close: () => recorder.close() };
};

const onCores: Begin = async (session, port, totals, options) => {
  const { cores = [], write, count, batch, pollMode, json, watching } = options;
  const job: CaptureJob = { batchSize: batch, pollMode };
  const notices = new DeathNotices(json);
  const recording = new Recording({ path: write, ...writerOptions(options) }, cores.length);
  const common = {
    cores,
    totals,
    count,
    counted: RECEIVED,
    watch: watching !== undefined,
    onDeath: notices.report,
  } as const;
  const loops = await WorkerLoops.start([port], {
    ...common,
    program: programUrl('../apps/capture-worker.js', import.meta.url),
    job,
    recording,
  });
  watching?.add(loops.watches);
  const run = async (): Promise<() => void> => {
    const ends = await loops.run(session.signal);
    return () => notices.check(ends);
  };
  return { recorder: recording, run, close: () => {} };
};

function writerOptions({ format, snaplen }: CaptureCommandOptions): CaptureWriterOptions {
  return {
    ...(format === undefined ? {} : { format }),
    ...(snaplen === undefined ? {} : { snapLength: snaplen }),
  };
}

/** The port's counters, with what the recorder left out. */
function withDrops(port: Counted, recorder: Pick<Recorder, 'dropped'>): Counted {
  return {
    ...port,
    statistics: () => {
      const statistics = port.statistics();
      return { ...statistics, rxDropped: statistics.rxDropped + recorder.dropped };
    },
  };
}
