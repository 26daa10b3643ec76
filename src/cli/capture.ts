/** `ixy capture`: records what a port receives. */
import { type Command, Option } from 'commander';
import { bestPollMode, type Counted, capture, PacketRecorder, type PollMode, RateMeter } from '../apps/index.ts';
import type { NetDevice } from '../drivers/net-device.ts';
import type { CaptureFormat } from '../packets/index.ts';
import { integerFrom } from '../ports/quantities.ts';
import { grouped } from './format.ts';
import { Live } from './live.ts';
import { count, duration, mtu, optionValue, pollBudgetOption, pollModeOption } from './option-values.ts';
import { Session } from './session.ts';

interface CaptureCommandOptions {
  readonly write: string;
  readonly format?: CaptureFormat;
  readonly snaplen?: number;
  readonly count?: number;
  readonly duration?: number;
  readonly batch?: number;
  readonly pollMode?: PollMode;
  readonly mtu?: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  ixy capture 0000:03:00.0 -w received.pcapng
  ixy capture 0000:03:00.0 -w headers.pcap --snaplen 96 --count 1M
  ixy capture tap:tap0 -w - | tcpdump -n -r -        watch while it runs
`;

export function addCapture(program: Command): void {
  program
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
    .option('--snaplen <bytes>', 'bytes kept of each packet; default: all', optionValue(integerFrom(1, 262_144)))
    .option('-n, --count <packets>', 'end after so many packets', count)
    .option('-d, --duration <time>', 'end after this time (10, 500ms)', duration)
    .addOption(pollBudgetOption())
    .addOption(pollModeOption())
    .option('--mtu <bytes>', 'payload of the largest frame (68 to 9500)', mtu, 1500)
    .option('--json', 'print one JSON object a second')
    .addHelpText('after', EXAMPLES)
    .action((port: string, options: CaptureCommandOptions) => Session.run((session) => run(session, port, options)));
}

async function run(session: Session, uri: string, options: CaptureCommandOptions): Promise<void> {
  const { write, format, snaplen } = options;
  const [port] = await session.open([uri], { use: 'receive', promiscuous: true, mtu: options.mtu ?? 1500 });
  const recorder = new PacketRecorder(write, {
    ...(format === undefined ? {} : { format }),
    ...(snaplen === undefined ? {} : { snapLength: snaplen }),
  });
  const meter = new RateMeter([withDrops(port, recorder)]);
  try {
    await session.linksUp();
    session.limit(options.duration);
    const stream = write === '-' ? process.stderr : process.stdout;
    const live = new Live(meter, { json: options.json ?? false, stream, ways: ['rx'] });
    try {
      const { batch, count, pollMode = bestPollMode([port]) } = options;
      const summary = await capture(port, recorder, { signal: session.signal, count, batchSize: batch, pollMode });
      recorder.close();
      live.end(([{ rx }]) => ({
        lines: [
          `received ${grouped(summary.received)} packets, recorded ${grouped(summary.recorded)} in ${write}, left out ` +
            `${grouped(summary.dropped)}; the port dropped ${grouped(rx.dropped - summary.dropped)}`,
        ],
        data: { command: 'capture', file: write, ...summary },
      }));
    } finally {
      live.stop();
    }
  } finally {
    recorder.close();
  }
}

/** The port's counters, with what the recorder left out. */
function withDrops(port: NetDevice, recorder: PacketRecorder): Counted {
  return {
    name: port.name,
    statistics: () => {
      const statistics = port.statistics();
      return { ...statistics, rxDropped: statistics.rxDropped + recorder.dropped };
    },
  };
}
