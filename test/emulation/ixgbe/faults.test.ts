import { describe, expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { extract } from '../../../src/datasheet/registers.ts';
import { frameTo, type Lab, MAC, makeLab, startLab } from './test-driver.ts';

const { CTRL, LINKS, EERD } = ixgbe;

function receiveOne({ wire, device }: Lab): void {
  wire.send(frameTo(MAC, 60));
  device.step();
}

describe('injected faults', () => {
  test('a reset that never ends, or ends late', () => {
    const { device, driver } = makeLab();
    const { faults } = device.model;
    faults.inject({ kind: 'slow-reset', nanoseconds: 50e6, count: 1 });
    driver.write(CTRL, CTRL.bits.RST.mask);
    expect(driver.waitFor(CTRL, CTRL.bits.RST.mask, 0, 49)).toBe(false);
    expect(driver.waitFor(CTRL, CTRL.bits.RST.mask, 0, 10)).toBe(true);
    faults.inject({ kind: 'stuck-reset', after: 1 });
    driver.reset();
    expect(driver.read(CTRL) & CTRL.bits.RST.mask).toBe(0);
    driver.reset();
    expect(driver.read(CTRL) & CTRL.bits.RST.mask).not.toBe(0);
  });

  test('a link that flaps after so many frames', () => {
    const lab = startLab();
    lab.device.model.faults.inject({ kind: 'link-flap', after: 4, nanoseconds: 1e6, count: 1 });
    for (let i = 0; i < 5; i++) receiveOne(lab);
    expect(lab.driver.read(LINKS) & LINKS.bits.LINK_UP.mask).toBe(0);
    lab.device.clock.pause(2);
    expect(lab.driver.read(LINKS) & LINKS.bits.LINK_UP.mask).not.toBe(0);
  });

  test('a transmitter that stops completing, until the fault is cleared', () => {
    const lab = startLab();
    lab.device.model.faults.inject({ kind: 'tx-stall', after: 2 });
    for (let i = 0; i < 4; i++) lab.driver.transmit(frameTo('02:00:00:00:00:02', 60, i));
    lab.device.simulation.settle();
    expect([0, 1, 2, 3].map((i) => lab.driver.txDone(i))).toEqual([true, true, false, false]);
    lab.device.model.faults.clear('tx-stall');
    lab.device.simulation.settle();
    expect(lab.driver.txDone(3)).toBe(true);
  });

  test('DD without EOP', () => {
    const lab = startLab();
    lab.device.model.faults.inject({ kind: 'rx-missing-eop', after: 1, count: 1 });
    for (let i = 0; i < 3; i++) receiveOne(lab);
    expect([0, 1, 2].map((i) => lab.driver.rx.words[i * 4 + 2] & 3)).toEqual([3, 1, 3]);
  });

  test('a length larger than the buffer', () => {
    const lab = startLab();
    lab.device.model.faults.inject({ kind: 'rx-wrong-length', length: 0xffff, count: 1 });
    for (let i = 0; i < 2; i++) receiveOne(lab);
    expect([0, 1].map((i) => lab.driver.rx.words[i * 4 + 3] & 0xffff)).toEqual([0xffff, 60]);
  });

  test('surprise removal: all ones, and no more DMA', () => {
    const lab = startLab();
    lab.device.model.faults.inject({ kind: 'removal', after: 1 });
    expect(lab.driver.read(ixgbe.STATUS)).not.toBe(0xffff_ffff);
    expect(lab.driver.read(ixgbe.STATUS)).toBe(0xffff_ffff);
    lab.driver.write(CTRL, 0);
    receiveOne(lab);
    expect(lab.driver.receive()).toEqual([]);
    expect(lab.device.bar(4).read32(0)).toBe(0xffff_ffff);
    expect(lab.device.config.read32(0)).toBe(0xffff_ffff);
  });

  test('an EEPROM whose checksum is wrong', () => {
    const { device, driver } = makeLab();
    const read = (): number => {
      driver.write(EERD, (0x3f << EERD.bits.ADDR.shift) | EERD.bits.START.mask);
      driver.waitFor(EERD, EERD.bits.DONE.mask);
      return extract(EERD.bits.DATA, driver.read(EERD));
    };
    const right = read();
    device.model.faults.inject({ kind: 'eeprom-checksum', count: 1 });
    expect(read()).not.toBe(right);
    expect(read()).toBe(right);
  });

  test('can all be cleared at once', () => {
    const { device, driver } = startLab();
    device.model.faults.inject({ kind: 'removal', after: 1 });
    device.model.faults.inject({ kind: 'tx-stall' });
    device.model.faults.clear();
    for (let i = 0; i < 3; i++) expect(driver.read(ixgbe.STATUS)).not.toBe(0xffff_ffff);
    expect(device.model.faults.armed).toBe(false);
  });
});
