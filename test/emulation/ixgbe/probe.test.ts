/** What drivers look at before they believe that there is a card. */
import { describe, expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { extract, insert, type Register } from '../../../src/datasheet/registers.ts';
import { EmulatedPciDevice } from '../../../src/emulation/index.ts';
import { CallbackWire } from '../../../src/emulation/wires/index.ts';
import { frameTo, MAC, makeLab, startLab, TestDriver } from './test-driver.ts';

const { AUTOC, LINKS, HLREG0, ANLP1, HICR, FWSTS, STATUS } = ixgbe;

describe('the link', () => {
  test('leaves the first state of arbitration after a restart', () => {
    const { driver } = makeLab();
    driver.set(AUTOC, AUTOC.bits.RESTART_AN.mask);
    expect(driver.read(ANLP1)).toBe(0);
    expect(driver.waitFor(ANLP1, 0x000f_0000, 0x0001_0000, 10)).toBe(true);
  });

  test('can be forced up without a wire', () => {
    const driver = new TestDriver(new EmulatedPciDevice({ mac: MAC }));
    driver.set(AUTOC, AUTOC.bits.FLU.mask);
    expect(driver.read(LINKS) & LINKS.bits.LINK_UP.mask).not.toBe(0);
    driver.clear(AUTOC, AUTOC.bits.FLU.mask);
    expect(driver.read(LINKS) & LINKS.bits.LINK_UP.mask).toBe(0);
  });

  test('has 1 Gbit/s in a link mode that has no more', () => {
    const { driver } = makeLab();
    driver.write(AUTOC, insert(AUTOC.bits.LMS, AUTOC.bits.RESTART_AN.mask, 0));
    expect(driver.waitForLink()).toBe(true);
    expect(extract(LINKS.bits.LINK_SPEED, driver.read(LINKS))).toBe(2);
  });

  test('over a backplane says when it has negotiated', () => {
    const wire = new CallbackWire();
    const driver = new TestDriver(new EmulatedPciDevice({ mac: MAC, wire, deviceId: 0x10f7 }));
    driver.set(AUTOC, AUTOC.bits.RESTART_AN.mask);
    expect(extract(LINKS.bits.KX_AN_COMPLETED, driver.read(LINKS))).toBe(0);
    expect(driver.waitForLink()).toBe(true);
    expect(extract(LINKS.bits.KX_AN_COMPLETED, driver.read(LINKS))).toBe(1);
  });

  test('looped back inside the MAC returns what is sent, and nothing else passes', () => {
    const lab = startLab({ strict: false });
    lab.driver.set(AUTOC, AUTOC.bits.FLU.mask);
    lab.driver.set(HLREG0, HLREG0.bits.LPBK.mask);
    const frame = frameTo('ff:ff:ff:ff:ff:ff', 1024);
    lab.wire.send(frameTo(MAC, 60));
    lab.driver.transmit(frame);
    lab.device.simulation.settle();
    expect(lab.driver.receive()).toEqual([frame]);
    expect(lab.sent).toEqual([]);
    lab.driver.reset();
    expect(lab.driver.read(HLREG0) & HLREG0.bits.LPBK.mask).toBe(0);
  });
});

test('STATUS tells which port of the chip this is', () => {
  const driver = new TestDriver(new EmulatedPciDevice({ mac: MAC, port: 1 }));
  expect(extract(STATUS.bits.LAN_ID, driver.read(STATUS))).toBe(1);
  driver.reset();
  expect(extract(STATUS.bits.LAN_ID, driver.read(STATUS))).toBe(1);
});

test('the firmware takes no commands', () => {
  const { driver } = makeLab();
  driver.write(ixgbe.FLEX_MNG, 0x1234_5678, 447);
  driver.write(HICR, HICR.bits.C.mask | HICR.bits.EN.mask);
  expect(driver.read(HICR)).toBe(0);
  driver.write(FWSTS, FWSTS.bits.FWRI.mask);
  expect(driver.read(FWSTS)).toBe(0);
});

describe('tables of security associations', () => {
  const { IPSTXIDX, IPSTXKEY, IPSTXSALT, IPSRXIDX, IPSRXSPI, IPSRXIPADDR } = ixgbe;

  test('are written and read through a window', () => {
    const { driver } = makeLab();
    const command = (index: number, bit: number): number => insert(IPSTXIDX.bits.SA_IDX, bit, index);
    for (const index of [0, 5, 1023]) {
      for (let i = 0; i < 4; i++) driver.write(IPSTXKEY, index * 10 + i, i);
      driver.write(IPSTXSALT, ~index);
      driver.write(IPSTXIDX, command(index, IPSTXIDX.bits.WRITE.mask));
      expect(driver.read(IPSTXIDX) & IPSTXIDX.bits.WRITE.mask).toBe(0);
    }
    driver.write(IPSTXIDX, command(5, IPSTXIDX.bits.READ.mask));
    expect([0, 1, 2, 3].map((i) => driver.read(IPSTXKEY, i))).toEqual([50, 51, 52, 53]);
    expect(driver.read(IPSTXSALT)).toBe(~5 >>> 0);
  });

  test('to receive are three', () => {
    const { driver } = makeLab();
    const { TABLE, TB_IDX, WRITE, READ } = IPSRXIDX.bits;
    const command = (table: number, index: number, bit: number): number =>
      insert(TABLE, insert(TB_IDX, bit, index), table);
    driver.write(IPSRXIPADDR, 77, 3);
    driver.write(IPSRXIDX, command(1, 127, WRITE.mask));
    driver.write(IPSRXSPI, 88);
    driver.write(IPSRXIDX, command(2, 9, WRITE.mask));
    driver.write(IPSRXIDX, command(1, 0, READ.mask));
    driver.write(IPSRXIDX, command(2, 0, READ.mask));
    expect([driver.read(IPSRXIPADDR, 3), driver.read(IPSRXSPI)]).toEqual([0, 0]);
    driver.write(IPSRXIDX, command(1, 127, READ.mask));
    driver.write(IPSRXIDX, command(2, 9, READ.mask));
    expect([driver.read(IPSRXIPADDR, 3), driver.read(IPSRXSPI)]).toEqual([77, 88]);
  });
});

/** Registers whose bits a self-test walks over: what is not there reads as 0. [register, bits that stay, how many] */
const IMPLEMENTED: readonly (readonly [Register, number, number])[] = [
  [ixgbe.RDBAL, 0xffff_ff80, 4],
  [ixgbe.RDBAH, 0xffff_ffff, 4],
  [ixgbe.RDLEN, 0x000f_ff80, 4],
  [ixgbe.TDBAL, 0xffff_ff80, 4],
  [ixgbe.TDLEN, 0x000f_ff80, 4],
  [ixgbe.RAL, 0xffff_ffff, 16],
  [ixgbe.RAH, 0x8000_ffff, 16],
  [ixgbe.MTA, 0xffff_ffff, 128],
];

test('registers have the bits that the datasheet lists, and no others', () => {
  const { driver } = makeLab({ strict: false });
  for (const [register, bits, count] of IMPLEMENTED) {
    for (let index = 0; index < count; index++) {
      for (const pattern of [0x5a5a_5a5a, 0xa5a5_a5a5, 0, 0xffff_ffff]) {
        driver.write(register, pattern, index);
        expect(driver.read(register, index), `${register.meaning} ${index}`).toBe((pattern & bits) >>> 0);
      }
    }
  }
});
