import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FakeVfio, REGION_STRIDE } from '../../support/fake-vfio.ts';
import { mappingsOf } from '../../support/process.ts';
import { open } from '../../support/vfio-machine.ts';

describe('registers', () => {
  it('of a memory BAR are the mapping itself', () => {
    const vfio = new FakeVfio('12');
    const bar = open(vfio).bar(0);
    bar.write32(0x42a4, 0x8000_0001);
    bar.write16(0x100, 0xabcd);
    bar.write8(0x103, 0xef);
    bar.doorbells[0x6018 >> 2] = 511;
    expect([bar.size, bar.read32(0x42a4), bar.read32(0x6018)]).toEqual([131_072, 0x8000_0001, 511]);
    expect([bar.read32(0x100), bar.read16(0x102), bar.read8(0x101)]).toEqual([0xef00_abcd, 0xef00, 0xab]);
    expect(readFileSync(vfio.deviceFile).readUInt32LE(0x42a4)).toBe(0x8000_0001);
  });

  it('of I/O ports are read and written in their own width', () => {
    const vfio = new FakeVfio('12');
    vfio.regions[2] = { size: 32 };
    const device = open(vfio);
    const bar = device.bar(2);
    bar.write32(0, 0x1234_5678);
    bar.write16(4, 0xbeef);
    bar.write8(31, 0x80);
    expect([bar.size, bar.doorbells.length]).toEqual([32, 0]);
    expect([bar.read8(0), bar.read16(2), bar.read32(4), bar.read8(31)]).toEqual([0x78, 0x1234, 0xbeef, 0x80]);
    expect(readFileSync(vfio.deviceFile).readUInt32LE(2 * REGION_STRIDE)).toBe(0x1234_5678);
    expect(mappingsOf(vfio.deviceFile)).toBe(0);
    expect(() => bar.read32(30)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    device.close();
    expect(() => bar.read8(0)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  it('beside the parts that may be mapped are reached through the file', () => {
    const vfio = new FakeVfio('12');
    const areas = [
      [0, 8192],
      [12_288, 4096],
    ] as const;
    vfio.regions[0] = { size: 16_384, mappable: true, areas };
    const bar = open(vfio).bar(0);
    expect(mappingsOf(vfio.deviceFile)).toBe(2);
    for (const offset of [0, 8188, 8192, 12_284, 12_288, 16_380]) {
      bar.write32(offset, offset + 1);
      expect(bar.read32(offset)).toBe(offset + 1);
      expect(readFileSync(vfio.deviceFile).readUInt32LE(offset)).toBe(offset + 1);
      bar.write16(offset + 2, 0x0102);
      bar.write8(offset + 2, 0xff);
      expect([bar.read16(offset + 2), bar.read8(offset + 3)]).toEqual([0x01ff, 0x01]);
    }
    expect(bar.doorbells.length).toBe(2048);
    expect(() => bar.read32(16_384)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it.each([-1, 6, 0.5, 1])('are not in BAR %d', (index) => {
    expect(() => open().bar(index)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it('of configuration space lie where the kernel says', () => {
    const vfio = new FakeVfio('12');
    const { config } = open(vfio);
    expect(config.read32(0)).toBe(0x10fb_8086);
    config.write16(0x40, 0xfeed);
    expect(readFileSync(vfio.deviceFile).readUInt16LE(7 * REGION_STRIDE + 0x40)).toBe(0xfeed);
    expect(() => config.read32(4096)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});
