/** Faults of an emulated virtio-net device, but for those of its rings. */
import { describe, expect, test } from 'vitest';
import { NET_CONFIG } from '../../../src/datasheet/virtio/net.ts';
import { CAPABILITY, NO_VECTOR } from '../../../src/datasheet/virtio/pci.ts';
import { VIRTIO_CAPABILITIES } from '../../../src/emulation/virtio/pci/config.ts';
import { frameTo, MAC, modernLab } from './test-driver.ts';

const NEEDS_RESET = 64;

test('a reset that never ends', () => {
  const { device, driver } = modernLab();
  device.model.faults.inject({ kind: 'stuck-reset' });
  driver.face.setStatus(0);
  device.clock.pause(10_000);
  expect(driver.face.status()).not.toBe(0);
  device.model.faults.clear();
  driver.face.setStatus(0);
  expect(driver.face.status()).toBe(0);
  driver.close();
});

test('features that are refused', () => {
  const { device, driver } = modernLab();
  device.model.faults.inject({ kind: 'features-refused', count: 1 });
  driver.begin();
  expect(driver.negotiate()).toBe(false);
  driver.begin();
  expect(driver.negotiate()).toBe(true);
  driver.close();
});

test('a device that needs a reset tells so, and does nothing until it gets one', () => {
  const { device, driver, wire, sent } = modernLab();
  const [interrupt] = device.interrupts.enable(1);
  device.setBusMaster(true);
  driver.begin();
  driver.negotiate();
  driver.face.configVector(0);
  driver.setUpQueues();
  driver.run();
  device.step();
  interrupt.wait(0);
  device.model.faults.inject({ kind: 'needs-reset', after: 2, count: 1 });
  for (let i = 0; i < 5; i++) {
    driver.transmit(frameTo(MAC));
    device.step();
  }
  expect(sent).toHaveLength(3);
  expect(interrupt.wait(0)).toBe(true);
  expect(driver.face.status()).toBe(15 | NEEDS_RESET);
  driver.start();
  wire.send(frameTo(MAC));
  device.step();
  expect(driver.receive()).toHaveLength(1);
  driver.close();
});

test('a link that goes down and comes back', () => {
  const { device, driver } = modernLab();
  driver.start();
  device.step();
  device.model.faults.inject({ kind: 'link-flap', nanoseconds: 5e6, count: 1 });
  driver.transmit(frameTo(MAC));
  device.step();
  expect([device.model.linkUp, driver.face.config16(NET_CONFIG.STATUS)]).toEqual([false, 0]);
  device.clock.pause(6);
  expect([device.model.linkUp, driver.face.config16(NET_CONFIG.STATUS)]).toEqual([true, 1]);
  driver.close();
});

test('surprise removal', () => {
  const { device, driver, wire } = modernLab();
  driver.start();
  device.model.faults.inject({ kind: 'removal' });
  expect(driver.face.status()).toBe(0xff);
  expect(device.bar(4).read32(0)).toBe(0xffff_ffff);
  expect(device.config.read32(0)).toBe(0xffff_ffff);
  wire.send(frameTo(MAC));
  expect(device.step()).toBe(0);
  device.model.faults.clear();
  device.model.reset();
  expect(device.config.read16(0)).toBe(0x1af4);
  expect(driver.face.status()).toBe(0);
  driver.close();
});

test('a vector that the device cannot allocate', () => {
  const { device, driver } = modernLab();
  device.interrupts.enable(1);
  device.model.faults.inject({ kind: 'no-vector', count: 1 });
  expect(driver.face.configVector(0)).toBe(NO_VECTOR);
  expect(driver.face.configVector(0)).toBe(0);
  driver.close();
});

test('a configuration that changes whenever it is read', () => {
  const { device, driver } = modernLab();
  device.model.faults.inject({ kind: 'config-race', count: 3 });
  const generations = Array.from({ length: 5 }, () => {
    driver.face.config8(0);
    return driver.face.read('CONFIG_GENERATION', 1);
  });
  expect(new Set(generations).size).toBe(3);
  driver.close();
});

test('control commands that are refused, and such as are never answered', () => {
  const { device, driver } = modernLab();
  driver.start();
  device.model.faults.inject({ kind: 'control-error', count: 1 });
  expect(driver.control('PROMISCUOUS', [1])).toBe(1);
  expect(driver.control('PROMISCUOUS', [1])).toBe(0);
  device.model.faults.inject({ kind: 'control-stall' });
  expect(driver.control('PROMISCUOUS', [1])).toBe(-1);
  driver.close();
});

describe('capabilities', () => {
  const { common, notify, isr, device: netConfig, window } = VIRTIO_CAPABILITIES;

  test('that run in a circle', () => {
    const { device } = modernLab();
    device.model.faults.inject({ kind: 'capability-loop' });
    device.config.read8(0x34);
    expect(device.config.read8(window + CAPABILITY.next)).toBe(common);
    device.close();
  });

  test.each([
    ['capability-offset', CAPABILITY.offset + 2, 0xffff],
    ['capability-bar', CAPABILITY.bar, 5],
    ['capability-length', CAPABILITY.size, 0],
  ] as const)('%s', (kind, field, value) => {
    const { device } = modernLab();
    device.model.faults.inject({ kind });
    device.config.read8(0x34);
    for (const at of [common, notify, isr, netConfig]) expect(device.config.read16(at + field)).toBe(value);
    device.close();
  });
});
