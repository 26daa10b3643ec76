/** Interrupts of an emulated virtio-net device. */
import { describe, expect, test } from 'vitest';
import { PCI_COMMAND, PCI_COMMAND_INTX_DISABLE } from '../../../src/pci/pci-device.ts';
import { frameTo, legacyLab, MAC, modernLab } from './test-driver.ts';

const PCI_STATUS = 0x06;
const INTERRUPT = 1 << 3;

describe('messages', () => {
  test.each([
    ['modern', modernLab],
    ['legacy', legacyLab],
  ] as const)('come by the vector of their queue: %s', (_name, makeLab) => {
    const { device, driver, wire } = makeLab();
    const counts = [0, 0, 0, 0];
    for (const [vector, interrupt] of device.interrupts.enable(4).entries()) {
      interrupt.handle(() => counts[vector]++);
    }
    device.setBusMaster(true);
    driver.begin();
    driver.negotiate(['VERSION_1', 'MRG_RXBUF', 'STATUS', 'CTRL_VQ', 'CTRL_RX']);
    expect(driver.face.configVector(0)).toBe(0);
    driver.setUpQueues(true);
    driver.run();
    device.step();
    wire.send(frameTo(MAC));
    device.step();
    expect(counts).toEqual([0, 1, 0, 0]);
    driver.transmit(frameTo(MAC));
    device.step();
    expect(counts).toEqual([0, 1, 1, 0]);
    expect(driver.control('PROMISCUOUS', [1])).toBe(0);
    expect(counts).toEqual([0, 1, 1, 1]);
    wire.connected = false;
    device.step();
    expect(counts).toEqual([1, 1, 1, 1]);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('do not come for queues without a vector', () => {
    const { device, driver, wire } = modernLab();
    let fired = 0;
    for (const interrupt of device.interrupts.enable(4)) interrupt.handle(() => fired++);
    driver.start(['VERSION_1', 'STATUS']);
    wire.send(frameTo(MAC));
    device.step();
    wire.connected = false;
    device.step();
    expect(driver.receive()).toHaveLength(1);
    expect(fired).toBe(0);
    driver.close();
  });

  test('come when the driver wants them: EVENT_IDX', () => {
    const { device, driver, wire } = modernLab();
    const [, interrupt] = device.interrupts.enable(2);
    let fired = 0;
    interrupt.handle(() => fired++);
    device.setBusMaster(true);
    driver.begin();
    driver.negotiate(['VERSION_1', 'EVENT_IDX']);
    driver.setUpQueue(0, 1);
    driver.setUpQueue(1);
    driver.run();
    for (let i = 0; i < 5; i++) {
      wire.send(frameTo(MAC));
      device.step();
      driver.receive();
    }
    expect(fired).toBe(1);
    driver.queues[0].wantInterrupt();
    wire.send(frameTo(MAC));
    device.step();
    expect(fired).toBe(2);
    driver.close();
  });
});

describe('the line', () => {
  test.each([
    ['modern', modernLab],
    ['legacy', legacyLab],
  ] as const)('is asserted until its causes are read: %s', (_name, makeLab) => {
    const { device, driver, wire } = makeLab({ interrupts: 'intx' });
    let fired = 0;
    device.interrupts.enable(1)[0].handle(() => fired++);
    driver.start(['VERSION_1', 'MRG_RXBUF', 'STATUS']);
    device.step();
    expect([fired, driver.face.causes()]).toEqual([0, 0]);
    for (let i = 0; i < 3; i++) {
      wire.send(frameTo(MAC));
      device.step();
    }
    expect(fired).toBe(1);
    expect(device.config.read16(PCI_STATUS) & INTERRUPT).toBe(INTERRUPT);
    wire.connected = false;
    device.step();
    expect(driver.face.causes()).toBe(3);
    expect(driver.face.causes()).toBe(0);
    expect(device.config.read16(PCI_STATUS) & INTERRUPT).toBe(0);
    wire.connected = true;
    device.step();
    expect([fired, driver.face.causes()]).toEqual([2, 2]);
    driver.close();
  });

  test('is withheld while the command register says so, not lost', () => {
    const { device, driver, wire } = modernLab({ interrupts: 'intx' });
    let fired = 0;
    device.interrupts.enable(1)[0].handle(() => fired++);
    driver.start(['VERSION_1']);
    const command = device.config.read16(PCI_COMMAND);
    device.config.write16(PCI_COMMAND, command | PCI_COMMAND_INTX_DISABLE);
    wire.send(frameTo(MAC));
    device.step();
    expect(fired).toBe(0);
    expect(device.config.read16(PCI_STATUS) & INTERRUPT).toBe(INTERRUPT);
    device.config.write16(PCI_COMMAND, command);
    expect(fired).toBe(1);
    driver.close();
  });
});
