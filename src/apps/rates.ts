/** What ports do per second, from the totals they count. */
import type { DeviceStatistics, NetDevice } from '../drivers/net-device.ts';
import { WIRE_OVERHEAD } from './token-bucket.ts';

/** What passed one way, and how fast. */
export interface DirectionRates {
  /** Packets and bytes (without CRC) in the interval. */
  readonly packets: number;
  readonly bytes: number;
  readonly packetsPerSecond: number;
  /** On the wire: with preamble, CRC and gap, 24 bytes per packet. */
  readonly bitsPerSecond: number;
  /** Packets that the port dropped in the interval, and those that were damaged. */
  readonly dropped: number;
  readonly errors: number;
}

/** What can be asked for its totals: a port, or a view of one. */
export interface Counted extends Pick<NetDevice, 'name' | 'statistics'> {
  /** By queue. Absent where nobody counts so, or there is one alone. */
  readonly queues?: () => readonly QueueTotals[];
}

/** Packets that passed a port's queues of one number. */
export interface QueueTotals {
  readonly rxPackets: number;
  readonly txPackets: number;
}

/** The port's counters, with what a forwarder dropped on the way to it. */
export function withDrops(port: Counted, direction: { readonly dropped: number }): Counted {
  return {
    name: port.name,
    statistics: () => {
      const statistics = port.statistics();
      return { ...statistics, txDropped: statistics.txDropped + direction.dropped };
    },
  };
}

/** What passed one way through a queue. */
export type PacketRates = Pick<DirectionRates, 'packets' | 'packetsPerSecond'>;

export interface QueueRates {
  readonly queue: number;
  readonly rx: PacketRates;
  readonly tx: PacketRates;
}

/** What one port did in an interval. */
export interface PortRates {
  readonly port: string;
  /** Length of the interval. */
  readonly seconds: number;
  readonly rx: DirectionRates;
  readonly tx: DirectionRates;
  /** Absent unless the port has several queues. */
  readonly queues?: readonly QueueRates[];
}

interface Sample {
  readonly at: number;
  readonly statistics: DeviceStatistics;
  readonly queues: readonly QueueTotals[];
}

/** Keeps two samples of each port, however long it runs. */
export class RateMeter {
  readonly #ports: readonly Counted[];
  readonly #now: () => number;
  #first: readonly Sample[];
  #last: readonly Sample[];

  /** `now`: milliseconds of a monotonic clock. */
  constructor(ports: readonly Counted[], now = () => performance.now()) {
    this.#ports = ports;
    this.#now = now;
    this.#first = this.#sample();
    this.#last = this.#first;
  }

  /** Counts time from now on, and packets still from the beginning: those that came while a link came up belong to no time. */
  start(): void {
    const at = this.#now();
    this.#first = this.#first.map((sample) => ({ ...sample, at }));
    this.#last = this.#first;
  }

  /** The rates of each port since the last call, or since the meter was made. */
  interval(): PortRates[] {
    const before = this.#last;
    this.#last = this.#sample();
    return this.#between(before, this.#last);
  }

  /** Totals, and mean rates, since the meter was made. */
  total(): PortRates[] {
    return this.#between(this.#first, this.#sample());
  }

  #sample(): Sample[] {
    return this.#ports.map((port) => ({
      at: this.#now(),
      statistics: port.statistics(),
      queues: port.queues?.() ?? [],
    }));
  }

  #between(before: readonly Sample[], after: readonly Sample[]): PortRates[] {
    return this.#ports.map((port, i) => {
      const seconds = (after[i].at - before[i].at) / 1000;
      const counted = (name: keyof DeviceStatistics) => after[i].statistics[name] - before[i].statistics[name];
      const perSecond = (amount: number): number => (seconds > 0 ? amount / seconds : 0);
      const rates = (way: 'rx' | 'tx'): DirectionRates => {
        const packets = counted(`${way}Packets`);
        const bytes = counted(`${way}Bytes`);
        return {
          packets,
          bytes,
          packetsPerSecond: perSecond(packets),
          bitsPerSecond: perSecond(8 * (bytes + WIRE_OVERHEAD * packets)),
          dropped: counted(`${way}Dropped`),
          errors: counted(`${way}Errors`),
        };
      };
      const queues = after[i].queues.map((totals, queue): QueueRates => {
        const passed = (name: keyof QueueTotals): PacketRates => {
          const packets = totals[name] - before[i].queues[queue][name];
          return { packets, packetsPerSecond: perSecond(packets) };
        };
        return { queue, rx: passed('rxPackets'), tx: passed('txPackets') };
      });
      const ofQueues = queues.length > 1 ? { queues } : {};
      return { port: port.name, seconds, rx: rates('rx'), tx: rates('tx'), ...ofQueues };
    });
  }
}
