/** `ixy forward`: moves packets between two ports. */
import type { Command } from 'commander';
import {
  bestPollMode,
  type DirectionSummary,
  Forwarder,
  PacketRecorder,
  type PollMode,
  RateMeter,
  withDrops,
} from '../apps/index.ts';
import { grouped } from './format.ts';
import { Live } from './live.ts';
import { count, duration, mtu, pollBudgetOption, pollModeOption } from './option-values.ts';
import { capturesToCreate, Session, writesToStandardOutput } from './session.ts';

interface ForwardOptions {
  readonly pcap?: string;
  readonly count?: number;
  readonly duration?: number;
  readonly batch?: number;
  readonly pollMode?: PollMode;
  readonly mtu?: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  ixy forward 0000:03:00.0 0000:03:00.1
  ixy forward 0000:03:00.0 0000:03:00.1 --pcap passed.pcapng
  ixy forward tap:left tap:right                     between two interfaces of the kernel
  ixy forward pcap:in.pcap pcap:out.pcap             ends with the file
  ixy forward 'emulated:ixgbe?wire=generator' 'emulated:ixgbe?wire=loopback' --duration 10
`;

export function addForward(program: Command): void {
  program
    .command('forward')
    .description('Move packets between two ports, both ways, and touch each of them.')
    .argument('<port>', "one port; see 'ixy ports'")
    .argument('<port>', 'the other one')
    .option('-w, --pcap <file>', "record what passes ('.pcapng', else pcap; '-' for standard output)")
    .option('-n, --count <packets>', 'end after so many packets, over both directions', count)
    .option('-d, --duration <time>', 'end after this time (10, 500ms)', duration)
    .addOption(pollBudgetOption())
    .addOption(pollModeOption())
    .option('--mtu <bytes>', 'payload of the largest frame (68 to 9500)', mtu, 1500)
    .option('--json', 'print one JSON object a second')
    .addHelpText('after', EXAMPLES)
    .action((a: string, b: string, options: ForwardOptions) => {
      return Session.run((session) => run(session, [a, b], options));
    });
}

async function run(session: Session, uris: readonly string[], options: ForwardOptions): Promise<void> {
  const takesOutput = options.pcap === '-' || writesToStandardOutput(uris);
  for (const uri of options.json ? [] : capturesToCreate(uris)) {
    process.stderr.write(`ixy: ${uri}: there is no such file, so it is written\n`);
  }
  const [a, b] = await session.open(uris, { promiscuous: true, mtu: options.mtu ?? 1500 });
  const recorder = options.pcap === undefined ? undefined : new PacketRecorder(options.pcap);
  try {
    // A file can wait until the other port has room; a NIC drops, and counts, what its ring has no room for.
    const whenFull = [a, b].some((port) => port.driver === 'pcap') ? 'wait' : 'drop';
    const { batch, count, pollMode = bestPollMode([a, b]) } = options;
    const forwarder = new Forwarder(a, b, { batchSize: batch, count, recorder, whenFull, pollMode });
    const [there, back] = forwarder.directions;
    const meter = new RateMeter([withDrops(a, back), withDrops(b, there)]);
    await session.linksUp();
    session.limit(options.duration);
    const stream = takesOutput ? process.stderr : process.stdout;
    const live = new Live(meter, { json: options.json ?? false, stream, ways: ['rx', 'tx'] });
    try {
      const directions = await forwarder.run(session.signal);
      recorder?.close();
      const recorded = recorder && { file: options.pcap, packets: recorder.recorded, dropped: recorder.dropped };
      live.end(() => ({
        lines: [...directions.map(describe), ...(recorded ? [describeRecording(recorded)] : [])],
        data: { command: 'forward', directions, ...(recorded ? { recorded } : {}) },
      }));
    } finally {
      live.stop();
    }
  } finally {
    recorder?.close();
  }
}

function describe({ from, to, received, forwarded, dropped }: DirectionSummary): string {
  return `${from} → ${to}: received ${grouped(received)}, forwarded ${grouped(forwarded)}, dropped ${grouped(dropped)}`;
}

function describeRecording(recorded: { file: string | undefined; packets: number; dropped: number }): string {
  return `recorded ${grouped(recorded.packets)} packets in ${recorded.file}, left out ${grouped(recorded.dropped)}`;
}
