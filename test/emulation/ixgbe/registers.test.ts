import { describe, expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { extract } from '../../../src/datasheet/registers.ts';
import { EmulatedPciDevice } from '../../../src/emulation/index.ts';
import { CallbackWire } from '../../../src/emulation/wires/index.ts';
import { MAC, makeLab, startLab, type TestDriver } from './test-driver.ts';

const { CTRL, STATUS, EEC, EERD, LINKS, AUTOC, AUTOC2, SWSM, SW_FW_SYNC, RAL, RAH, RDRXCTL, RXDCTL, TXDCTL } = ixgbe;

function readEeprom(driver: TestDriver, word: number): number {
  driver.write(EERD, (word << EERD.bits.ADDR.shift) | EERD.bits.START.mask);
  expect(driver.waitFor(EERD, EERD.bits.DONE.mask)).toBe(true);
  return extract(EERD.bits.DATA, driver.read(EERD));
}

describe('registers', () => {
  test('come out of a reset as the datasheet says', () => {
    const { driver } = makeLab();
    driver.reset();
    expect(driver.read(ixgbe.SRRCTL, 3)).toBe(0x402);
    expect(driver.read(ixgbe.MAXFRS)).toBe(0x05ee_0000);
    expect(driver.read(ixgbe.DCA_RXCTRL, 127)).toBe(0xb200);
    expect(driver.read(ixgbe.RXDCTL, 64)).toBe(0);
  });

  test('keep what is written, unless they are read-only', () => {
    const { driver, device } = makeLab();
    driver.write(ixgbe.MTA, 0xdead_beef, 5);
    expect(driver.read(ixgbe.MTA, 5)).toBe(0xdead_beef);
    driver.write(STATUS, 0);
    expect(driver.read(STATUS) & STATUS.bits.MASTER_ENABLE.mask).not.toBe(0);
    expect(device.model.violations.map(({ rule }) => rule)).toEqual(['register.read-only']);
  });

  test('answer at their old addresses too', () => {
    const { device, driver } = makeLab();
    expect(device.bar(0).read32(0x05400)).toBe(driver.read(RAL));
    device.bar(0).write32(0x02104, 0x0200_0404);
    expect(driver.read(ixgbe.SRRCTL, 1)).toBe(0x0200_0404);
  });

  test('may be read, every one of them, without harm', () => {
    const { device, driver } = startLab();
    for (const register of Object.values(ixgbe)) {
      for (let i = 0; i < register.length; i++) if (register.access !== 'WO') driver.read(register, i);
    }
    expect(device.model.violations).toEqual([]);
  });
});

describe('a reset', () => {
  test('clears itself after model time, then the EEPROM is read and DMA gets ready', () => {
    const { device, driver } = makeLab();
    driver.write(CTRL, CTRL.bits.RST.mask);
    expect(driver.read(CTRL) & CTRL.bits.RST.mask).not.toBe(0);
    device.clock.pause(1.1);
    expect(driver.read(CTRL) & CTRL.bits.RST.mask).toBe(0);
    expect(driver.read(EEC) & EEC.bits.AUTO_RD.mask).toBe(0);
    expect(driver.waitFor(EEC, EEC.bits.AUTO_RD.mask)).toBe(true);
    expect(driver.waitFor(RDRXCTL, RDRXCTL.bits.DMAIDONE.mask)).toBe(true);
  });

  test('puts back every register and stops every queue', () => {
    const { driver } = startLab();
    driver.write(ixgbe.MTA, 1, 9);
    driver.reset();
    expect(driver.read(ixgbe.MTA, 9)).toBe(0);
    expect(driver.read(RXDCTL) & RXDCTL.bits.ENABLE.mask).toBe(0);
    expect(driver.read(TXDCTL) & TXDCTL.bits.ENABLE.mask).toBe(0);
  });

  test('by LRST, and by the function level reset of PCIe, does the same', () => {
    const { device, driver } = startLab();
    driver.write(ixgbe.MTA, 1, 9);
    driver.write(CTRL, CTRL.bits.LRST.mask);
    device.clock.pause(10);
    expect(driver.read(ixgbe.MTA, 9)).toBe(0);
    driver.write(ixgbe.MTA, 1, 9);
    device.config.write16(0xa8, 0x8000);
    device.clock.pause(10);
    expect(driver.read(ixgbe.MTA, 9)).toBe(0);
    expect(device.config.read16(4) & 4).toBe(0);
  });

  test('after the master was disabled breaks no rule', () => {
    const { device, driver } = startLab();
    driver.set(CTRL, CTRL.bits.MASTER_DISABLE.mask);
    expect(driver.waitFor(STATUS, STATUS.bits.MASTER_ENABLE.mask, 0)).toBe(true);
    driver.reset();
    expect(driver.read(STATUS) & STATUS.bits.MASTER_ENABLE.mask).not.toBe(0);
    expect(device.model.violations).toEqual([]);
  });
});

describe('the EEPROM', () => {
  test('has a checksum of 0xBABA over its words and the modules they point to', () => {
    const { driver } = makeLab();
    let sum = 0;
    for (let word = 0; word <= 0x3f; word++) sum += readEeprom(driver, word);
    for (let pointer = 0x03; pointer <= 0x0e; pointer++) {
      const module = readEeprom(driver, pointer);
      if (module === 0 || module === 0xffff) continue;
      const length = readEeprom(driver, module);
      for (let word = 1; word <= length; word++) sum += readEeprom(driver, module + word);
    }
    expect(sum & 0xffff).toBe(0xbaba);
  });

  test('gives receive address 0', () => {
    const { driver } = makeLab();
    expect(driver.read(RAL)).toBe(0x8200_0002);
    expect(driver.read(RAH)).toBe(0x8000_9059);
  });

  test('is granted to software that bangs bits', () => {
    const { driver } = makeLab();
    driver.set(EEC, EEC.bits.EE_REQ.mask);
    expect(driver.read(EEC) & EEC.bits.EE_GNT.mask).not.toBe(0);
    driver.clear(EEC, EEC.bits.EE_REQ.mask);
    expect(driver.read(EEC) & EEC.bits.EE_GNT.mask).toBe(0);
  });
});

describe('the semaphores', () => {
  test('SMBI belongs to whoever reads 0', () => {
    const { driver } = makeLab();
    expect(driver.read(SWSM) & 1).toBe(0);
    expect(driver.read(SWSM) & 1).toBe(1);
    driver.write(SWSM, 0);
    expect(driver.read(SWSM) & 1).toBe(0);
  });

  test('SWESMBI sticks unless the firmware holds its own', () => {
    const { device, driver } = makeLab();
    device.model.semaphores.setFirmwareHolds(true);
    driver.write(SWSM, SWSM.bits.SWESMBI.mask);
    expect(driver.read(SWSM) & SWSM.bits.SWESMBI.mask).toBe(0);
    device.model.semaphores.setFirmwareHolds(false);
    driver.write(SWSM, SWSM.bits.SWESMBI.mask);
    expect(driver.read(SWSM) & SWSM.bits.SWESMBI.mask).not.toBe(0);
    driver.write(SW_FW_SYNC, 1);
    expect(device.model.violations).toEqual([]);
  });
});

describe('MDIO', () => {
  const { MSCA, MSRWD } = ixgbe;

  test('commands end, and no PHY answers', () => {
    const { driver } = makeLab();
    driver.write(MSRWD, 0x1234);
    driver.write(MSCA, MSCA.bits.MDICMD.mask | (3 << MSCA.bits.OPCODE.shift));
    expect(driver.read(MSCA) & MSCA.bits.MDICMD.mask).not.toBe(0);
    expect(driver.waitFor(MSCA, MSCA.bits.MDICMD.mask, 0)).toBe(true);
    expect(extract(MSRWD.bits.MDIRDDATA, driver.read(MSRWD))).toBe(0xffff);
  });
});

describe('the link', () => {
  const speeds = [
    [10_000, 3],
    [1_000, 2],
    [100, 1],
  ] as const;

  test('follows the wire', () => {
    const { driver, wire, device } = startLab();
    expect(driver.read(STATUS) & STATUS.bits.LINK_UP.mask).not.toBe(0);
    wire.connected = false;
    device.step();
    expect(driver.read(LINKS) & LINKS.bits.LINK_UP.mask).toBe(0);
    wire.connected = true;
    device.step();
    // What was lost in between shows once.
    expect(driver.read(LINKS) & LINKS.bits.LINK_STATUS.mask).toBe(0);
    expect(driver.read(LINKS) & LINKS.bits.LINK_STATUS.mask).not.toBe(0);
  });

  test.each(speeds)('has the speed of the wire, %i Mbit/s', (speed, code) => {
    const device = new EmulatedPciDevice({ mac: MAC, wire: new CallbackWire({ speed }) });
    expect(extract(LINKS.bits.LINK_SPEED, device.bar(0).read32(LINKS.offset))).toBe(code);
  });

  test('is set up by the EEPROM: 10G serial over SFI', () => {
    const { driver } = makeLab();
    driver.reset();
    expect(extract(AUTOC.bits.LMS, driver.read(AUTOC))).toBe(3);
    expect(extract(AUTOC2.bits.PMA_PMD_10G_SERIAL, driver.read(AUTOC2))).toBe(2);
    expect(driver.read(ixgbe.ANLP1)).toBe(0x0001_0000);
  });

  test('goes down while it is trained anew', () => {
    const { driver } = startLab();
    driver.set(AUTOC, AUTOC.bits.RESTART_AN.mask);
    expect(driver.read(AUTOC) & AUTOC.bits.RESTART_AN.mask).toBe(0);
    expect(driver.read(LINKS) & LINKS.bits.LINK_UP.mask).toBe(0);
    expect(driver.waitForLink()).toBe(true);
  });

  test('stays down while AUTOC2 disables it', () => {
    const { driver } = startLab();
    driver.set(AUTOC2, AUTOC2.bits.LINK_DISABLE.mask);
    expect(driver.waitForLink()).toBe(false);
    driver.clear(AUTOC2, AUTOC2.bits.LINK_DISABLE.mask);
    expect(driver.waitForLink()).toBe(true);
  });

  test('is down without a wire', () => {
    const device = new EmulatedPciDevice();
    expect(device.bar(0).read32(LINKS.offset) & LINKS.bits.LINK_UP.mask).toBe(0);
  });
});

describe('queues', () => {
  test('run only some time after they are told to', () => {
    const { driver, device } = makeLab();
    driver.reset();
    driver.setUpReceive();
    driver.set(RXDCTL, RXDCTL.bits.ENABLE.mask);
    expect(driver.read(RXDCTL) & RXDCTL.bits.ENABLE.mask).toBe(0);
    device.clock.pause(0.02);
    expect(driver.read(RXDCTL) & RXDCTL.bits.ENABLE.mask).not.toBe(0);
    driver.clear(RXDCTL, RXDCTL.bits.ENABLE.mask);
    expect(driver.read(RXDCTL) & RXDCTL.bits.ENABLE.mask).not.toBe(0);
    device.clock.pause(0.02);
    expect(driver.read(RXDCTL) & RXDCTL.bits.ENABLE.mask).toBe(0);
  });

  test('to transmit wait for DMATXCTL.TE', () => {
    const { driver, device } = makeLab();
    driver.reset();
    driver.setUpTransmit();
    driver.set(TXDCTL, TXDCTL.bits.ENABLE.mask);
    device.clock.pause(1);
    expect(driver.read(TXDCTL) & TXDCTL.bits.ENABLE.mask).toBe(0);
    driver.enableTransmitter();
    expect(driver.read(TXDCTL) & TXDCTL.bits.ENABLE.mask).not.toBe(0);
  });

  test('do not run on a ring that breaks a rule', () => {
    const { driver, device } = makeLab();
    driver.reset();
    driver.setUpReceive();
    driver.write(ixgbe.RDLEN, 64);
    driver.set(RXDCTL, RXDCTL.bits.ENABLE.mask);
    device.clock.pause(1);
    expect(driver.read(RXDCTL) & RXDCTL.bits.ENABLE.mask).toBe(0);
  });
});
