/**
 * What a command shows of its ports, and of their queues where they have several, while it runs: a table that updates in place on a terminal, one plain line a second
 * elsewhere, or one JSON object a second.
 */
import CliTable3 from 'cli-table3';
import { createLogUpdate } from 'log-update';
import type { PacketRates, PortRates, QueueRates, RateMeter } from '../apps/index.ts';
import type { WatchFigures } from '../workers/index.ts';
import { colorsFor } from './colors.ts';
import { billions, grouped, millions, shortened } from './format.ts';
import { type Watching, watchLines, watchTable } from './watch-view.ts';

/** Which of a port's directions a command uses. */
export type Ways = readonly ('rx' | 'tx')[];

interface LiveOptions {
  readonly json: boolean;
  readonly stream: NodeJS.WriteStream;
  readonly ways: Ways;
  readonly watching?: Watching | undefined;
}

interface View {
  /** `loops`: undefined if they are not watched. */
  show(rates: readonly PortRates[], loops: Loops): void;
  /** The last thing shown: totals, and what the command has to say about them. */
  end(total: readonly PortRates[], loops: Loops, lines: readonly string[], data: object): void;
}

type Loops = readonly WatchFigures[] | undefined;

const INTERVAL_MILLISECONDS = 1000;
const LONGEST_NAME = 44;
const SHORTEST_NAME = 12;
/** What the other columns of the table take at high rates. */
const WIDTH_BESIDE_NAME = 62;

/** Shows the rates of a meter's ports every second, from now until `end`. */
export class Live {
  readonly #meter: RateMeter;
  readonly #view: View;
  readonly #watching: Watching | undefined;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(meter: RateMeter, options: LiveOptions) {
    this.#meter = meter;
    this.#view = chooseView(options);
    this.#watching = options.watching;
    meter.start();
    this.#timer = setInterval(() => void this.#show(), INTERVAL_MILLISECONDS);
  }

  /** Stops without a summary. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
    this.#stopped = true;
    this.#watching?.close();
  }

  /** Stops, and shows what `summarise` makes of the totals: lines for people, `data` beside the totals in JSON. */
  async end(
    summarise: (total: readonly PortRates[]) => { readonly lines: readonly string[]; readonly data: object },
  ): Promise<void> {
    this.stop();
    const total = this.#meter.total();
    const loops = this.#watching && (await this.#watching.total());
    const { lines, data } = summarise(total);
    this.#view.end(total, loops, lines, data);
  }

  async #show(): Promise<void> {
    const loops = this.#watching && (await this.#watching.interval());
    if (!this.#stopped) this.#view.show(this.#meter.interval(), loops);
  }
}

function chooseView(options: LiveOptions): View {
  if (options.json) return jsonView(options.stream);
  const { isTTY, columns, rows } = options.stream;
  const canUpdate = isTTY && columns > 0 && rows > 0 && process.env.TERM !== 'dumb';
  return canUpdate ? tableView(options) : lineView(options);
}

function jsonView(stream: NodeJS.WriteStream): View {
  const rounded = (_key: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
  const print = (value: object) => stream.write(`${JSON.stringify(value, rounded)}\n`);
  return {
    show: (ports, loops) => print({ type: 'rates', ports, loops }),
    end: (ports, loops, _lines, data) => print({ type: 'summary', ...data, ports, loops }),
  };
}

function lineView({ stream, ways }: LiveOptions): View {
  let seconds = 0;
  return {
    show(rates, loops = []) {
      seconds += rates[0]?.seconds ?? 0;
      stream.write(`${seconds.toFixed(0).padStart(4)} s  ${rates.map((port) => portLine(port, ways)).join('  |  ')}\n`);
      for (const line of watchLines(loops)) stream.write(`        ${line}\n`);
    },
    end: (_total, loops = [], lines) =>
      stream.write([...lines, ...watchLines(loops)].map((line) => `${line}\n`).join('')),
  };
}

function portLine(port: PortRates, ways: Ways): string {
  const directions = ways.map((way) => {
    const { packets, packetsPerSecond, bitsPerSecond, dropped } = port[way];
    return `${way} ${millions(packetsPerSecond)} Mpps ${billions(bitsPerSecond)} Gbit/s ${packets} packets ${dropped} drops`;
  });
  const queues = (port.queues ?? []).map(
    (queue) => `, ${queueName(queue)} ${ways.map((way) => queueWay(queue, way)).join(', ')}`,
  );
  return `${shortened(port.port, LONGEST_NAME)} ${directions.join(', ')}${queues.join('')}`;
}

function queueName({ queue }: QueueRates): string {
  return `queue ${queue}`;
}

function queueWay(queue: QueueRates, way: 'rx' | 'tx'): string {
  const { packetsPerSecond, packets }: PacketRates = queue[way];
  return `${way} ${millions(packetsPerSecond)} Mpps ${packets} packets`;
}

function tableView({ stream, ways }: LiveOptions): View {
  const update = createLogUpdate(stream);
  const colors = colorsFor(stream);
  const table = (rates: readonly PortRates[]): string => {
    const rows = new CliTable3({
      head: ['Port', '', 'Mpps', 'Gbit/s', 'packets', 'drops'].map((title) => colors.bold(title)),
      colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
      style: { head: [], border: [] },
    });
    const nameLength = Math.min(Math.max(stream.columns - WIDTH_BESIDE_NAME, SHORTEST_NAME), LONGEST_NAME);
    for (const port of rates) {
      const name = { content: shortened(port.port, nameLength), rowSpan: ways.length };
      ways.forEach((way, i) => {
        const { packets, packetsPerSecond, bitsPerSecond, dropped } = port[way];
        const drops = dropped > 0 ? colors.red(grouped(dropped)) : '0';
        const cells = [way.toUpperCase(), millions(packetsPerSecond), billions(bitsPerSecond), grouped(packets), drops];
        rows.push(i === 0 ? [name, ...cells] : cells);
      });
      for (const queue of port.queues ?? []) {
        const title = { content: `  ${queueName(queue)}`, rowSpan: ways.length };
        ways.forEach((way, i) => {
          const { packets, packetsPerSecond } = queue[way];
          const cells = [way.toUpperCase(), millions(packetsPerSecond), '', grouped(packets), ''];
          rows.push(i === 0 ? [title, ...cells] : cells);
        });
      }
    }
    return rows.toString();
  };
  const watched = (loops: Loops) => (loops ? [watchTable(loops, colors)] : []);
  return {
    show: (rates, loops) => update([table(rates), ...watched(loops)].join('\n')),
    end(total, loops, lines) {
      update([table(total), ...watched(loops), ...lines].join('\n'));
      update.done();
    },
  };
}
