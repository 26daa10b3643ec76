/** The real driver, set up in every way it can be, breaks no rule of the datasheet and loses no buffer. */
import { describe, expect, test } from 'vitest';
import { ixgbeModels } from '../../src/datasheet/ixgbe/devices.ts';
import { BROADCAST, expectFrames, frame, Lab, type LabOptions, openLab, padded } from './lab.ts';

const ETHERNET_HEADER = 14;

/** Most buffers that the driver takes for one frame. */
const SEGMENTS = 9;

/** Sizes around every edge: the smallest frame, padding, one buffer more, the largest that the MTU allows. */
function sizesUpTo(largest: number): number[] {
  return [17, 59, 60, 61, 64, 82, 1514, 2047, 2048, 2049, 4096, 4097, largest].filter((size) => size <= largest);
}

/** Frames of all sizes each way, on every queue, whole and in chains; they must arrive as they were sent. */
function exchange(lab: Lab): void {
  const { nic } = lab;
  const largest = nic.mtu + ETHERNET_HEADER;
  const frames = sizesUpTo(largest).map((size, number) => frame(number, size));
  const onTheWire = frames.map(padded);
  for (const each of frames) lab.wire.send(each);
  expectFrames(lab.receive(), onTheWire);
  for (const queue of nic.tx.keys()) {
    for (const segment of [lab.pool.dataSize, Math.ceil(largest / SEGMENTS)]) {
      expect(lab.send(frames, queue, segment)).toBe(frames.length);
      lab.settle();
      expectFrames(lab.sent.splice(0), onTheWire);
    }
  }
}

/** Small frames each way, `count` of them, in bursts. */
function stream(lab: Lab, count: number): void {
  for (let sent = 0; sent < count; sent += 8) {
    const frames = Array.from({ length: 8 }, (_, i) => frame(sent + i, 60));
    for (const each of frames) lab.wire.send(each);
    expectFrames(lab.receive(), frames);
    expect(lab.send(frames)).toBe(8);
    lab.settle();
    expectFrames(lab.sent.splice(0), frames);
  }
}

/** A lab of these options, used and closed. */
async function run(options: LabOptions, use: (lab: Lab) => void = exchange): Promise<void> {
  const lab = await openLab(options);
  use(lab);
  lab.nic.statistics();
  lab.nic.counters();
  lab.close();
  expect(lab.violations).toEqual([]);
  expect(lab.device.model.dmaFaults).toBe(0);
  expect(lab.warnings).toEqual([]);
}

describe('strict mode has nothing to say about', () => {
  test.each([...ixgbeModels.values()])('$name', ({ deviceId }) => run({ deviceId }));

  test.each([1, 2, 8, 64])('%i queues', (queues) => run({ rxQueues: queues, txQueues: queues, rxRingSize: 128 }));

  test.each([64, 128, 256, 512, 1024, 2048, 4096])('rings of %i descriptors', (size) =>
    run({ rxRingSize: size, txRingSize: size }, (lab) => stream(lab, 2.5 * size)),
  );

  test.each([68, 1500, 9500])('an MTU of %i', (mtu) =>
    run({ mtu, rxQueues: 2, txQueues: 2 }, (lab) => {
      for (let round = 0; round < 20; round++) exchange(lab);
    }),
  );

  test.each([64, 512])('chains of any length behind any number of small frames, in a ring of %i', (txRingSize) =>
    run({ mtu: 9000, txRingSize }, (lab) => {
      let number = 0;
      for (let small = 0; small < 40; small++) {
        for (const segments of [2, SEGMENTS]) {
          const frames = [
            ...Array.from({ length: small }, () => frame(number++, 60)),
            ...[1, 2, 3].map(() => frame(number++, 66 * segments)),
          ];
          // One by one: a frame that does not fit yet waits for those before it.
          for (const each of frames) {
            while (lab.send([each], 0, 66) === 0) lab.settle();
          }
          lab.settle();
          expectFrames(lab.sent.splice(0), frames);
        }
      }
      lab.send([frame(0, 66 * SEGMENTS + 1)], 0, 66);
      expect(lab.nic.statistics().txDropped).toBe(1);
    }),
  );

  test('a register dump under traffic', async () => {
    const lab = await openLab();
    exchange(lab);
    lab.nic.registers();
    exchange(lab);
    lab.close();
    // Write-only and reserved registers are not read; reading a head once in a dump is no polling.
    expect(lab.violations).toEqual([]);
  });

  test('changes of the filters under traffic, which take effect at once', async () => {
    const lab = await openLab();
    const { nic, wire } = lab;
    const hears = (to: string): boolean => {
      wire.send(frame(1, 60, to));
      return lab.receive().length === 1;
    };
    const group = '01:00:5e:00:00:05';
    for (let round = 0; round < 20; round++) {
      const [old, mac] = [nic.mac, `02:00:00:00:01:${(16 + round).toString(16)}`];
      for (let i = 0; i < 40; i++) wire.send(frame(i, 60 + i));
      lab.device.step(10); // in the middle of a burst
      nic.setMac(mac);
      expect(lab.receive()).toHaveLength(40);
      expect([hears(mac), hears(old), hears(group), hears(BROADCAST)]).toEqual([true, false, false, true]);
      nic.setAllMulticast(true);
      expect([hears(mac), hears(old), hears(group)]).toEqual([true, false, true]);
      nic.setPromiscuous(true);
      expect([hears(old), hears(group)]).toEqual([true, true]);
      nic.setAllMulticast(false);
      nic.setPromiscuous(false);
      expect([hears(mac), hears(old), hears(group)]).toEqual([true, false, false]);
    }
    lab.close();
    expect(lab.violations).toEqual([]);
  });

  test('a loop that sleeps on each queue until an interrupt comes', async () => {
    await run({ rxQueues: 4, txQueues: 1 }, (lab) => {
      for (let round = 0; round < 50; round++) {
        for (const { interrupt } of lab.nic.rx) expect(interrupt?.arm()).toBe(true);
        lab.wire.send(frame(round, 60));
        lab.settle();
        expect(lab.nic.rx[0].interrupt?.wait(1)).toBe(true);
        expectFrames(lab.receive(), [frame(round, 60)]);
        for (const { interrupt } of lab.nic.rx) interrupt?.disarm();
      }
    });
  });

  test('a link that comes and goes: what is queued waits, and leaves in order', async () => {
    const lab = await openLab();
    const { nic, wire, device } = lab;
    const states: boolean[] = [];
    nic.on('link', ({ up }) => states.push(up));
    nic.checkLink();
    for (let round = 0; round < 20; round++) {
      wire.connected = false;
      expect(nic.checkLink().up).toBe(false);
      const frames = Array.from({ length: 30 }, (_, i) => frame(round * 30 + i, 60 + i));
      lab.send(frames);
      lab.settle();
      expect(lab.sent).toEqual([]);
      wire.connected = true;
      if (round % 2 === 0) device.model.faults.inject({ kind: 'link-flap', nanoseconds: 2e6, count: 1 });
      await nic.waitForLink();
      expect(nic.checkLink().up).toBe(true);
      lab.settle();
      expectFrames(lab.sent.splice(0), frames);
    }
    expect(states).toEqual(Array.from({ length: 41 }, (_, i) => i % 2 === 0));
    lab.close();
    expect(lab.violations).toEqual([]);
  });

  test('a hundred openings and closings, in the middle of traffic', async () => {
    const lab = new Lab({ rxQueues: 2, txQueues: 2, mtu: 9000 });
    for (let round = 0; round < 100; round++) {
      await lab.open();
      await lab.nic.waitForLink();
      exchange(lab);
      // Half of what is under way has no time to arrive; part of a jumbo frame may be in memory.
      lab.send(
        Array.from({ length: 20 }, (_, i) => frame(i, 60)),
        round & 1,
      );
      for (let i = 0; i < 20; i++) lab.wire.send(frame(i, 9014));
      lab.device.step(7);
      lab.close();
      lab.sent.length = 0;
      while (lab.wire.pending > 0) lab.wire.poll({ deliver: () => true }, 64, 0);
    }
    expect(lab.violations).toEqual([]);
    expect(lab.warnings).toEqual([]);
  }, 60_000);
});
