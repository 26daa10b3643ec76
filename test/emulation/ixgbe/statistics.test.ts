import { describe, expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import type { Register } from '../../../src/datasheet/registers.ts';
import { frameTo, MAC, startLab } from './test-driver.ts';

const SIZES = [60, 61, 123, 124, 251, 252, 507, 508, 1019, 1020, 1514];
/** Frames of these sizes by bucket, with their CRC: 64, to 127, 255, 511, 1023, and beyond. */
const BUCKETS = [1, 2, 2, 2, 2, 2];
const OCTETS = SIZES.reduce((sum, size) => sum + size + 4, 0);

describe('statistics', () => {
  test('count what was received, by size, octets with their CRC, and clear when they are read', () => {
    const { driver, device, wire } = startLab();
    for (const size of SIZES) wire.send(frameTo(MAC, size));
    wire.send(frameTo('ff:ff:ff:ff:ff:ff', 60));
    wire.send(frameTo('02:00:00:00:00:99', 60)); // filtered
    device.simulation.settle();
    const buckets: Register[] = [ixgbe.PRC64, ixgbe.PRC127, ixgbe.PRC255, ixgbe.PRC511, ixgbe.PRC1023, ixgbe.PRC1522];
    const expected = [BUCKETS[0] + 2, ...BUCKETS.slice(1)];
    expect(buckets.map((register) => driver.read(register))).toEqual(expected);
    expect(buckets.map((register) => driver.read(register))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(driver.read(ixgbe.GPRC)).toBe(SIZES.length + 1);
    expect(driver.read(ixgbe.TPR)).toBe(SIZES.length + 2);
    expect(driver.read(ixgbe.RXNFGPC)).toBe(SIZES.length + 2);
    expect(driver.read(ixgbe.BPRC)).toBe(1);
    expect(driver.read(ixgbe.MPRC)).toBe(0);
    expect(driver.read(ixgbe.GORCL)).toBe(OCTETS + 64);
    expect(driver.read(ixgbe.TORL)).toBe(OCTETS + 128);
    expect(driver.read(ixgbe.QPRC)).toBe(SIZES.length + 1);
    expect(driver.read(ixgbe.GPRC)).toBe(0);
  });

  test('count what was sent', () => {
    const { driver, device } = startLab();
    for (const size of SIZES) driver.transmit(frameTo('02:00:00:00:00:02', size));
    driver.transmit(frameTo('ff:ff:ff:ff:ff:ff', 60));
    driver.transmit(frameTo('01:00:5e:00:00:01', 60));
    device.simulation.settle();
    expect(driver.read(ixgbe.GPTC)).toBe(SIZES.length + 2);
    expect(driver.read(ixgbe.TPT)).toBe(SIZES.length + 2);
    expect(driver.read(ixgbe.GOTCL)).toBe(OCTETS + 128);
    expect(driver.read(ixgbe.PTC64)).toBe(3);
    expect(driver.read(ixgbe.PTC1522)).toBe(2);
    expect(driver.read(ixgbe.BPTC)).toBe(1);
    expect(driver.read(ixgbe.MPTC)).toBe(1);
    expect(driver.read(ixgbe.QPTC)).toBe(SIZES.length + 2);
  });

  test('of queues go to the set that RQSMR and TQSM name', () => {
    const { driver, device, wire } = startLab();
    driver.write(ixgbe.RQSMR, 0x0000_0007);
    wire.send(frameTo(MAC, 60));
    device.step();
    expect(driver.read(ixgbe.QPRC, 0)).toBe(0);
    expect(driver.read(ixgbe.QPRC, 7)).toBe(1);
    expect(driver.read(ixgbe.QBRC_L, 7)).toBe(60);
  });

  test('do not count what has not left yet', () => {
    const { driver, device, wire } = startLab();
    wire.connected = false;
    device.step();
    driver.transmit(frameTo('02:00:00:00:00:02', 60));
    device.step();
    expect([driver.read(ixgbe.GPTC), driver.read(ixgbe.QPTC), driver.read(ixgbe.GOTCL)]).toEqual([0, 0, 0]);
    wire.connected = true;
    device.step();
    expect([driver.read(ixgbe.GPTC), driver.read(ixgbe.QPTC), driver.read(ixgbe.GOTCL)]).toEqual([1, 1, 64]);
  });

  test('also have the addresses at which older drivers read them', () => {
    const { driver, device } = startLab();
    driver.transmit(frameTo('02:00:00:00:00:02', 60));
    device.step();
    expect(device.bar(0).read32(0x06030)).toBe(1);
    expect(driver.read(ixgbe.QPTC)).toBe(0);
  });

  test('have a high half that is latched with the low one', () => {
    const { driver, device, wire } = startLab();
    wire.send(frameTo(MAC, 60));
    device.step();
    expect(driver.read(ixgbe.GORCL)).toBe(64);
    wire.send(frameTo(MAC, 60));
    device.step();
    expect(driver.read(ixgbe.GORCH)).toBe(0);
    expect(driver.read(ixgbe.GORCL)).toBe(64);
  });

  test('begin at 0 after a reset', () => {
    const { driver, device, wire } = startLab({ strict: false });
    wire.send(frameTo(MAC, 60));
    device.step();
    driver.reset();
    expect([driver.read(ixgbe.GPRC), driver.read(ixgbe.GORCL), driver.read(ixgbe.QPRC)]).toEqual([0, 0, 0]);
  });
});
