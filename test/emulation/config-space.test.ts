import { describe, expect, test } from 'vitest';
import { type EmulatedDeviceOptions, EmulatedPciDevice } from '../../src/emulation/index.ts';

describe('configuration space of the emulated 82599', () => {
  const open = (options: EmulatedDeviceOptions = {}) => new EmulatedPciDevice({ mac: '02:00:00:01:02:03', ...options });
  const capabilities = ({ config }: EmulatedPciDevice): number[] => {
    const found: number[] = [];
    for (let at = config.read8(0x34); at !== 0; at = config.read8(at + 1)) found.push(config.read8(at));
    return found;
  };

  test('names an Intel Ethernet controller', () => {
    const { config } = open();
    expect([config.read16(0), config.read16(2)]).toEqual([0x8086, 0x10fb]);
    expect(config.read32(8) >>> 8).toBe(0x02_0000);
    expect(open().vendorId).toBe(0x8086);
  });

  test('lists power management, MSI, MSI-X and PCI Express', () => {
    expect(capabilities(open())).toEqual([0x01, 0x05, 0x11, 0x10]);
    expect((open().config.read16(0x72) & 0x7ff) + 1).toBe(64);
  });

  test('lists no more ways to interrupt than its slot leaves to it', () => {
    expect(capabilities(open({ messages: 'msi' }))).toEqual([0x01, 0x05, 0x10]);
    expect(capabilities(open({ messages: 'none' }))).toEqual([0x01, 0x10]);
  });

  test('has an interrupt line for each port of a chip', () => {
    expect([open({ port: 0 }), open({ port: 1 })].map(({ config }) => config.read8(0x3d))).toEqual([1, 2]);
  });

  test('has a serial number made of the MAC address', () => {
    const { config } = open();
    expect([config.read32(0x144), config.read32(0x148)]).toEqual([0xff01_0203, 0x0200_00ff]);
  });

  test('tells the sizes of its BARs', () => {
    const { config } = open();
    for (const [at, size] of [
      [0x10, 0x2_0000],
      [0x20, 0x4000],
    ]) {
      config.write32(at, 0xffff_ffff);
      expect((~(config.read32(at) & 0xffff_fff0) >>> 0) + 1).toBe(size);
    }
    config.write32(0x30, 0xffff_ffff);
    expect(config.read32(0x30)).toBe(0);
  });

  test('keeps its ids', () => {
    const { config } = open();
    config.write32(0, 0);
    expect(config.read32(0)).toBe(0x10fb_8086);
  });

  test('switches bus mastering', () => {
    const device = open();
    device.setBusMaster(true);
    expect(device.config.read16(4) & 4).toBe(4);
    device.close();
    expect(device.config.read16(4) & 4).toBe(0);
  });

  test.each([-1, 1.5, 4095, 4096, Number.NaN])('refuses an access at %d', (offset) => {
    expect(() => open().config.read16(offset)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});
