/**
 * What `ixy serve` shows: a table that updates in place on a terminal, or one JSON object a second; and in each case, what
 * happens to the sockets.
 */
import CliTable3 from 'cli-table3';
import { createLogUpdate } from 'log-update';
import type { ServedPort } from '../emulation/vfio-user/index.ts';
import { type WireCounters, wireStatistics } from '../emulation/wires/index.ts';
import { colorsFor } from './colors.ts';
import { grouped, shortened } from './format.ts';

const INTERVAL_MILLISECONDS = 1000;
const LONGEST_PATH = 40;

/** Counters of a port, since it is served. */
interface Counts {
  readonly reads: number;
  readonly writes: number;
  readonly interrupts: number;
  readonly sent: number;
  readonly received: number;
}

interface Row extends Counts {
  readonly socket: string;
  readonly connected: boolean;
  readonly clients: number;
  readonly linkUp: boolean;
  /** Rules that the driver has broken; none unless the NIC is strict. */
  readonly violations: number;
  /** The same counters, per second. */
  readonly perSecond: Counts;
}

export class ServeView {
  readonly #stream: NodeJS.WriteStream;
  readonly #json: boolean;
  readonly #update: ReturnType<typeof createLogUpdate> | undefined;
  #ports: readonly ServedPort[] = [];
  #wires: readonly WireCounters[] = [];
  #before: readonly Counts[] = [];
  #lastShown = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream, json: boolean) {
    this.#stream = stream;
    this.#json = json;
    const { isTTY, columns, rows } = stream;
    const canUpdate = !json && isTTY && columns > 0 && rows > 0 && process.env.TERM !== 'dumb';
    this.#update = canUpdate ? createLogUpdate(stream) : undefined;
  }

  /** Shows the ports from now on, with the counters of what they are plugged into; `onShow` is called as often. */
  start(ports: readonly ServedPort[], wires: readonly { readonly counters: WireCounters }[], onShow: () => void): void {
    this.#ports = ports;
    this.#wires = wires.map(({ counters }) => counters);
    this.#before = this.#counts();
    this.#lastShown = performance.now();
    for (const { path } of ports) this.log(`${path}: waiting for a client`);
    this.#timer = setInterval(() => {
      this.#show();
      onShow();
    }, INTERVAL_MILLISECONDS);
  }

  /** A line about what has happened. */
  log(message: string): void {
    if (this.#json) this.#print({ type: 'event', message });
    else if (this.#update) this.#update.persist(message);
    else this.#stream.write(`${message}\n`);
  }

  /** The last thing shown: the totals. */
  end(): void {
    this.stop();
    if (this.#json) this.#print({ type: 'summary', ports: this.#rows() });
    else if (this.#update) this.#show();
    else for (const row of this.#rows()) this.#stream.write(`${totals(row)}\n`);
    this.#update?.done();
  }

  /** Shows nothing more. Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #show(): void {
    if (this.#json) this.#print({ type: 'rates', ports: this.#rows() });
    else this.#update?.(this.#table(this.#rows()));
  }

  #rows(): Row[] {
    const now = performance.now();
    const seconds = Math.max((now - this.#lastShown) / 1000, 0.001);
    const current = this.#counts();
    const rows = this.#ports.map((port, i) => ({
      socket: port.path,
      connected: port.connected,
      clients: port.clients,
      linkUp: port.device.model.linkUp,
      violations: port.device.model.violations.filter(({ level }) => level === 'broken').length,
      ...current[i],
      perSecond: perSecond(current[i], this.#before[i], seconds),
    }));
    this.#before = current;
    this.#lastShown = now;
    return rows;
  }

  #counts(): Counts[] {
    return this.#ports.map(({ device }, i) => {
      const { sent, received } = wireStatistics(this.#wires[i]);
      const { reads, writes } = device.regions;
      return { reads, writes, interrupts: device.interrupts.sent, sent: sent.frames, received: received.frames };
    });
  }

  #table(rows: readonly Row[]): string {
    const colors = colorsFor(this.#stream);
    const titles = ['Socket', 'client', 'link', 'registers/s', 'interrupts/s', 'sent/s', 'received/s'];
    const table = new CliTable3({
      head: titles.map((title) => colors.bold(title)),
      colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right'],
      style: { head: [], border: [] },
    });
    for (const { socket, connected, linkUp, perSecond: rates } of rows) {
      table.push([
        shortened(socket, LONGEST_PATH),
        connected ? colors.green('connected') : 'waiting',
        linkUp ? 'up' : 'down',
        ...[rates.reads + rates.writes, rates.interrupts, rates.sent, rates.received].map((rate) =>
          grouped(Math.round(rate)),
        ),
      ]);
    }
    return table.toString();
  }

  #print(value: object): void {
    this.#stream.write(`${JSON.stringify(value)}\n`);
  }
}

function totals({ socket, clients, reads, writes, interrupts, sent, received }: Row): string {
  const numbers = [reads, writes, interrupts, sent, received].map(grouped);
  return (
    `${socket}: clients ${clients}, registers read ${numbers[0]} and written ${numbers[1]}, interrupts ${numbers[2]}, ` +
    `frames sent ${numbers[3]} and received ${numbers[4]}`
  );
}

function perSecond(now: Counts, before: Counts, seconds: number): Counts {
  const rate = (name: keyof Counts): number => (now[name] - before[name]) / seconds;
  return {
    reads: rate('reads'),
    writes: rate('writes'),
    interrupts: rate('interrupts'),
    sent: rate('sent'),
    received: rate('received'),
  };
}
