/** Frames through an emulated virtio-net device, by both interfaces. */
import { describe, expect, test } from 'vitest';
import { type FeatureName, STATUS_DRIVER_OK } from '../../../src/datasheet/virtio/features.ts';
import { frameTo, type Lab, legacyLab, MAC, modernLab } from './test-driver.ts';

const FEATURE_SETS: readonly (readonly FeatureName[])[] = [
  ['VERSION_1', 'ANY_LAYOUT'],
  ['VERSION_1', 'MRG_RXBUF'],
  ['VERSION_1', 'ANY_LAYOUT', 'EVENT_IDX', 'STATUS'],
  ['VERSION_1', 'ANY_LAYOUT', 'IN_ORDER', 'CTRL_VQ'],
];

const LABS = [
  ['modern', () => modernLab()],
  ['modern, of a transitional device', () => modernLab({ kind: 'transitional' })],
  ['legacy', () => legacyLab()],
  ['legacy, of a transitional device', () => legacyLab({ kind: 'transitional' })],
] as const satisfies readonly (readonly [string, () => Lab])[];

describe.each(LABS)('%s', (_name, makeLab) => {
  test.each(FEATURE_SETS.map((features) => ({ features })))('sends and receives with $features', ({ features }) => {
    const { device, driver, wire, sent } = makeLab();
    driver.start(features);
    const arrived: Uint8Array[] = [];
    const frames = Array.from({ length: 100 }, (_, i) => frameTo(MAC, 60 + i, i));
    for (const frame of frames) {
      wire.send(frame);
      driver.transmit(frame);
      device.step();
      arrived.push(...driver.receive());
      driver.queues[1].used();
    }
    expect(arrived).toEqual(frames);
    expect(sent).toEqual(frames);
    expect(device.model.violations).toEqual([]);
    expect(device.model.discarded).toBe(0);
    driver.close();
  });

  test('with every feature but packed rings', () => {
    const { device, driver, wire, sent } = makeLab();
    driver.start();
    wire.send(frameTo(MAC));
    driver.transmit(frameTo(MAC));
    device.step();
    expect(driver.receive()).toEqual([frameTo(MAC)]);
    expect(sent).toEqual([frameTo(MAC)]);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('drops what is longer than its MTU, and allows for a VLAN tag', () => {
    const { device, driver, wire } = makeLab();
    driver.start(['VERSION_1', 'MTU']);
    const tagged = frameTo(MAC, 1518);
    tagged.set([0x81, 0], 12);
    for (const frame of [frameTo(MAC, 1514), frameTo(MAC, 1515), tagged]) wire.send(frame);
    device.step();
    expect(driver.receive().map((frame) => frame.length)).toEqual([1514, 1518]);
    expect(device.model.discarded).toBe(1);
    driver.close();
  });

  test('drops and counts what finds no buffer, or lets it wait on a wire with flow control', () => {
    for (const flowControl of [false, true]) {
      const { device, driver, wire } = makeLab();
      Object.assign(wire, { flowControl });
      driver.start();
      for (let i = 0; i < 40; i++) wire.send(frameTo(MAC, 60, i));
      device.step();
      expect(driver.receive()).toHaveLength(31);
      expect(device.model.discarded).toBe(flowControl ? 0 : 9);
      device.step();
      expect(driver.receive()).toHaveLength(flowControl ? 9 : 0);
      driver.close();
    }
  });

  test('keeps frames on the wire until there are buffers for the first time', () => {
    const { device, driver, wire } = makeLab();
    device.setBusMaster(true);
    driver.begin();
    driver.negotiate();
    driver.setUpQueues();
    driver.add(STATUS_DRIVER_OK);
    wire.send(frameTo(MAC));
    device.step();
    driver.queues[0].offerBuffer();
    device.step();
    expect(driver.receive()).toEqual([frameTo(MAC)]);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('nothing moves before DRIVER_OK, nor after a reset', () => {
    const { device, driver, wire, sent } = makeLab();
    device.setBusMaster(true);
    driver.begin();
    driver.negotiate();
    driver.setUpQueues();
    wire.send(frameTo(MAC));
    device.step();
    driver.run();
    device.step();
    expect(driver.receive()).toHaveLength(1);
    driver.reset();
    driver.transmit(frameTo(MAC));
    wire.send(frameTo(MAC));
    device.step();
    expect(sent).toEqual([]);
    expect(driver.receive()).toEqual([]);
    driver.close();
  });
});

describe('several pairs', () => {
  /** A UDP frame of flow `flow`, to the station or, the other way round, from it. */
  function udp(flow: number, fromStation: boolean): Uint8Array {
    const frame = frameTo(MAC, 60);
    const near = [10, 0, 0, 1];
    const far = [10, 0, flow >>> 8, flow & 0xff];
    frame.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0], 12);
    frame.set(fromStation ? [...near, ...far] : [...far, ...near], 26);
    frame.set(fromStation ? [0x10, 0, 0x20, 0] : [0x20, 0, 0x10, 0], 34);
    return frame;
  }

  test('only the first is used until the driver says how many', () => {
    const { device, driver, wire } = modernLab({ queuePairs: 4 });
    driver.start();
    for (let flow = 0; flow < 16; flow++) wire.send(udp(flow, false));
    device.step();
    expect(driver.receive(0)).toHaveLength(16);
    expect(driver.control('QUEUE_PAIRS_SET', [4, 0])).toBe(0);
    for (let flow = 0; flow < 60; flow++) {
      wire.send(udp(flow, false));
      device.step();
    }
    const spread = [0, 1, 2, 3].map((pair) => driver.receive(pair).length);
    expect(spread.reduce((sum, frames) => sum + frames)).toBe(60);
    for (const frames of spread) expect(frames).toBeGreaterThan(3);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('a flow comes in by the pair that it was last sent by', () => {
    const { device, driver, wire } = modernLab({ queuePairs: 4 });
    driver.start();
    driver.control('QUEUE_PAIRS_SET', [4, 0]);
    for (const pair of [3, 1, 0, 2]) {
      driver.transmit(udp(77, true), pair);
      device.step();
      wire.send(udp(77, false));
      device.step();
      expect(driver.receive(pair)).toHaveLength(1);
    }
    expect(driver.control('QUEUE_PAIRS_SET', [1, 0])).toBe(0);
    wire.send(udp(77, false));
    device.step();
    expect(driver.receive(0)).toHaveLength(1);
    driver.close();
  });

  test('a pair that is not in use must not be sent by', () => {
    const { device, driver } = modernLab({ queuePairs: 2 });
    driver.start();
    driver.transmit(frameTo(MAC), 1);
    device.step();
    expect(device.model.violations.map(({ rule, queue }) => [rule, queue])).toEqual([['tx.pair-unused', 3]]);
    driver.close();
  });
});

test('doorbells that are stored plainly ring as those that are written', () => {
  const { device, driver, sent } = modernLab();
  driver.start();
  const { buffer, byteOffset } = device.bar(4).doorbells;
  const notifications = new Uint16Array(buffer, byteOffset);
  driver.queues[1].kick = () => {
    notifications[(0x3000 + 4 * 1) >>> 1] = 1;
  };
  driver.transmit(frameTo('02:00:00:00:00:02'));
  device.step();
  expect(sent).toHaveLength(1);
  expect(device.model.violations).toEqual([]);
  new Int32Array(buffer, byteOffset)[0x3000 >>> 2] = 0;
  device.step();
  expect(device.model.violations.map(({ rule }) => rule)).toEqual(['notify.width']);
  driver.close();
});
