import { describe, expect, it } from 'vitest';
import { type Counted, RateMeter } from '../../src/apps/index.ts';
import type { DeviceStatistics } from '../../src/drivers/net-device.ts';

function counter(name: string): Counted & { add(rxPackets: number, rxBytes: number, rxDropped: number): void } {
  let [rxPackets, rxBytes, rxDropped] = [0, 0, 0];
  const rest = { txPackets: 5, txBytes: 500, rxErrors: 0, txDropped: 0, txErrors: 0 };
  return {
    name,
    statistics: (): DeviceStatistics => ({ rxPackets, rxBytes, rxDropped, ...rest }),
    add(packets, bytes, dropped) {
      rxPackets += packets;
      rxBytes += bytes;
      rxDropped += dropped;
    },
  };
}

describe('RateMeter', () => {
  it('gives rates of intervals, with bits as they are on the wire', () => {
    let now = 0;
    const port = counter('a');
    const meter = new RateMeter([port], () => now);
    port.add(1000, 60_000, 3);
    now = 500;
    expect(meter.interval()).toEqual([
      {
        port: 'a',
        seconds: 0.5,
        rx: { packets: 1000, bytes: 60_000, packetsPerSecond: 2000, bitsPerSecond: 1_344_000, dropped: 3, errors: 0 },
        tx: { packets: 0, bytes: 0, packetsPerSecond: 0, bitsPerSecond: 0, dropped: 0, errors: 0 },
      },
    ]);
    port.add(1, 100, 0);
    now = 1500;
    expect(meter.interval()).toMatchObject([{ seconds: 1, rx: { packets: 1, packetsPerSecond: 1, dropped: 0 } }]);
    expect(meter.total()).toMatchObject([{ seconds: 1.5, rx: { packets: 1001, bytes: 60_100, dropped: 3 } }]);
  });

  it('counts what came before its start, but not the time', () => {
    let now = 0;
    const port = counter('a');
    const meter = new RateMeter([port], () => now);
    port.add(10, 600, 0);
    now = 9000;
    meter.start();
    port.add(10, 600, 0);
    now = 10_000;
    expect(meter.total()).toMatchObject([{ seconds: 1, rx: { packets: 20 } }]);
  });

  it('has no rate for no time', () => {
    const meter = new RateMeter([counter('a')], () => 0);
    expect(meter.interval()).toMatchObject([{ seconds: 0, rx: { packetsPerSecond: 0, bitsPerSecond: 0 } }]);
  });

  it('tells of queues where there are several', () => {
    let now = 0;
    let packets = 7;
    const port = counter('a');
    const queues = (count: number) => () =>
      Array.from({ length: count }, (_, i) => ({ rxPackets: i * packets, txPackets: 1 }));
    const meter = new RateMeter([{ ...port, queues: queues(2) }, { ...port, queues: queues(1) }, port], () => now);
    now = 500;
    packets = 107;
    const still = { packets: 0, packetsPerSecond: 0 };
    const [two, one, none] = meter.interval();
    expect(two.queues).toEqual([
      { queue: 0, rx: still, tx: still },
      { queue: 1, rx: { packets: 100, packetsPerSecond: 200 }, tx: still },
    ]);
    expect([one, none].map((rates) => 'queues' in rates)).toEqual([false, false]);
  });
});
