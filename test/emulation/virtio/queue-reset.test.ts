/** Queues that the driver takes back one by one (virtio 1.2, section 2.6.1). */
import { describe, expect, test } from 'vitest';
import { frameTo, type Lab, MAC, modernLab } from './test-driver.ts';
import type { ModernInterface } from './test-interfaces.ts';

type Options = Parameters<typeof modernLab>[0];

function running(options: Options = {}): Lab<ModernInterface> {
  const lab = modernLab(options);
  lab.driver.start();
  return lab;
}

/** Takes queue `index` back; whether the device has let go of it. */
function takeBack({ driver, device }: Lab<ModernInterface>, index: number, milliseconds = 1): boolean {
  driver.face.select(index);
  driver.face.write('QUEUE_RESET', 2, 1);
  device.clock.pause(milliseconds);
  return driver.face.read('QUEUE_RESET', 2) === 0;
}

describe('a queue that is taken back', () => {
  test('is given back when the device is done, and not before', () => {
    const lab = running();
    expect(takeBack(lab, 0, 0)).toBe(false);
    expect(lab.driver.face.read('QUEUE_ENABLE', 2)).toBe(1);
    lab.device.clock.pause(1);
    const { face } = lab.driver;
    expect([face.read('QUEUE_RESET', 2), face.read('QUEUE_ENABLE', 2)]).toEqual([0, 0]);
    expect([face.read('QUEUE_SIZE', 2), face.read('QUEUE_DESC', 4)]).toEqual([32, 0]);
    lab.driver.close();
  });

  test('is not touched any more, and the others go on', () => {
    const lab = running();
    const { driver, wire, device, sent } = lab;
    const [rx] = driver.queues;
    device.step();
    expect(takeBack(lab, 0)).toBe(true);
    wire.send(frameTo(MAC));
    driver.transmit(frameTo('02:00:00:00:00:01'));
    device.step();
    expect([rx.used().length, sent.length]).toEqual([0, 1]);
    expect(device.model.discarded).toBe(1);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('is set up again, with a ring that begins anew', () => {
    const lab = running();
    const { driver, wire, device, sent } = lab;
    for (let life = 0; life < 5; life++) {
      const frames = Array.from({ length: 3 }, (_, i) => frameTo(MAC, 60 + i, life));
      for (const frame of frames) wire.send(frame);
      device.step();
      expect(driver.receive()).toEqual(frames);
      for (const frame of frames) driver.transmit(frame);
      device.step();
      expect(sent.splice(0)).toEqual(frames);
      for (const index of [0, 1]) {
        expect(takeBack(lab, index)).toBe(true);
        driver.setUpQueue(index);
      }
      driver.queues[0].fill();
    }
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('is not set up before the device is done, and its vector is read back', () => {
    const lab = running();
    const { driver, device } = lab;
    device.interrupts.enable(2);
    expect(takeBack(lab, 0, 0)).toBe(false);
    driver.face.write('QUEUE_SIZE', 2, 16);
    device.clock.pause(1);
    driver.face.write('QUEUE_MSIX_VECTOR', 2, 1);
    driver.face.write('QUEUE_ENABLE', 2, 1);
    expect(device.model.violations.map(({ rule }) => rule)).toEqual([
      'setup.while-enabled',
      'vector.unread',
      'queue.unmapped',
    ]);
    driver.close();
  });

  test('is none without RING_RESET, nor a queue that is not enabled', () => {
    for (const options of [{ without: ['RING_RESET'] }, {}] as const) {
      const lab = running(options);
      const unset = options.without ? 0 : 1;
      if (unset === 1) takeBack(lab, 1);
      expect(lab.device.model.violations).toEqual([]);
      takeBack(lab, unset);
      expect(lab.device.model.violations.map(({ rule }) => rule)).toEqual(['setup.reset']);
      lab.driver.close();
    }
  });

  test('is forgotten by a reset of the device', () => {
    const lab = running();
    takeBack(lab, 0, 0);
    lab.driver.start();
    lab.device.clock.pause(1);
    lab.driver.face.select(0);
    expect(lab.driver.face.read('QUEUE_ENABLE', 2)).toBe(1);
    expect(lab.device.model.violations).toEqual([]);
    lab.driver.close();
  });
});
