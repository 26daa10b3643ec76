import { describe, expect, test } from 'vitest';
import { frameTo, MAC, startLab } from './test-driver.ts';

describe('a driver that goes by the book', () => {
  test('receives what comes over the wire, and breaks no rule', () => {
    const { device, wire, driver } = startLab();
    const frames = Array.from({ length: 200 }, (_, i) => frameTo(MAC, 60 + i, i));
    const received: Uint8Array[] = [];
    for (const frame of frames) {
      wire.send(frame);
      device.step();
      received.push(...driver.receive());
    }
    expect(received).toEqual(frames);
    expect(device.model.violations).toEqual([]);
  });

  test('sends what it queues, and breaks no rule', () => {
    const { device, driver, sent } = startLab();
    const frames = Array.from({ length: 200 }, (_, i) => frameTo('02:00:00:00:00:02', 60 + i, i));
    for (const [i, frame] of frames.entries()) {
      driver.transmit(frame);
      device.step();
      expect(driver.txDone(i % 64)).toBe(true);
    }
    expect(sent).toEqual(frames);
    expect(device.model.violations).toEqual([]);
  });
});
