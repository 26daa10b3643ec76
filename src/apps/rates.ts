/** What ports do per second, from the totals they count. */
import type { DeviceStatistics, NetDevice } from '../drivers/net-device.ts';
import { WIRE_OVERHEAD } from './token-bucket.ts';

export interface DirectionRates {
  /** Packets and bytes (without CRC) in the interval. */
  readonly packets: number;
  readonly bytes: number;
  readonly packetsPerSecond: number;
  /** On the wire: with preamble, CRC and gap, 24 bytes per packet. */
  readonly bitsPerSecond: number;
}

export interface PortRates {
  readonly port: string;
  /** Length of the interval. */
  readonly seconds: number;
  readonly rx: DirectionRates;
  readonly tx: DirectionRates;
  /** Packets that the port dropped, and those that were damaged, both ways. */
  readonly dropped: number;
  readonly errors: number;
}

interface Sample {
  readonly at: number;
  readonly statistics: DeviceStatistics;
}

/** Keeps two samples of each port, however long it runs. */
export class RateMeter {
  readonly #ports: readonly NetDevice[];
  readonly #now: () => number;
  readonly #first: readonly Sample[];
  #last: readonly Sample[];

  /** `now`: milliseconds of a monotonic clock. */
  constructor(ports: readonly NetDevice[], now = () => performance.now()) {
    this.#ports = ports;
    this.#now = now;
    this.#first = this.#sample();
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
    return this.#ports.map((port) => ({ at: this.#now(), statistics: port.statistics() }));
  }

  #between(before: readonly Sample[], after: readonly Sample[]): PortRates[] {
    return this.#ports.map((port, i) => {
      const seconds = (after[i].at - before[i].at) / 1000;
      const counted = (name: keyof DeviceStatistics) => after[i].statistics[name] - before[i].statistics[name];
      return {
        port: port.name,
        seconds,
        rx: direction(counted('rxPackets'), counted('rxBytes'), seconds),
        tx: direction(counted('txPackets'), counted('txBytes'), seconds),
        dropped: counted('rxDropped') + counted('txDropped'),
        errors: counted('rxErrors') + counted('txErrors'),
      };
    });
  }
}

function direction(packets: number, bytes: number, seconds: number): DirectionRates {
  const perSecond = (count: number) => (seconds > 0 ? count / seconds : 0);
  return {
    packets,
    bytes,
    packetsPerSecond: perSecond(packets),
    bitsPerSecond: perSecond(8 * (bytes + WIRE_OVERHEAD * packets)),
  };
}
