import { describe, expect, test } from 'vitest';
import { Cable, EmulatedPciDevice, Simulation } from '../../src/emulation/index.ts';
import { frameTo, startLab, TestDriver } from './ixgbe/test-driver.ts';

describe('stepped devices', () => {
  test('exchange frames over a cable in one simulation', () => {
    const simulation = new Simulation();
    const { ends } = new Cable();
    const drivers = ends.map((wire, i) => {
      const device = new EmulatedPciDevice({ mac: `02:00:00:00:00:0${i}`, wire, simulation });
      return new TestDriver(device).start();
    });
    expect(drivers.map((driver) => driver.waitForLink())).toEqual([true, true]);
    const frames = Array.from({ length: 50 }, (_, i) => frameTo('02:00:00:00:00:01', 60 + i));
    for (const frame of frames) drivers[0].transmit(frame);
    // Nobody steps them by hand: they work while a driver waits.
    drivers[1].device.clock.pause(1);
    expect(drivers[1].receive()).toEqual(frames);
  });

  test('wait exactly, and a minute at once', async () => {
    const { device } = startLab();
    const before = device.clock.now();
    await device.clock.sleep(60_000);
    expect(device.clock.now() - before).toBeCloseTo(60_000);
  });

  test('do nothing after close', () => {
    const { device, wire } = startLab();
    device.close();
    device.close();
    wire.send(frameTo('02:00:00:82:59:90', 60));
    expect(device.step()).toBe(0);
    expect(wire.connected).toBe(false);
    expect(() => device.bar(0)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  test('have two memory BARs', () => {
    const device = new EmulatedPciDevice();
    expect([device.bar(0).size, device.bar(4).size]).toEqual([0x2_0000, 0x4000]);
    expect(device.bar(0)).toBe(device.bar(0));
    expect(() => device.bar(2)).toThrow(/no BAR 2/);
    for (const offset of [-4, 2, 0x2_0000, Number.NaN])
      expect(() => device.bar(0).read32(offset)).toThrow(/multiple of 4/);
  });

  test('refuse what is no MAC address', () => {
    expect(() => new EmulatedPciDevice({ mac: '02:00' })).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});
