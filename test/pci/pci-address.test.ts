import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPciAddress, parsePciAddress } from '../../src/pci/pci-address.ts';

describe('PCI addresses', () => {
  it('have a long and a short form, in either case', () => {
    const address = { domain: 0, bus: 0x3b, device: 0x1f, function: 7 };
    expect(parsePciAddress('0000:3b:1f.7')).toEqual(address);
    expect(parsePciAddress('3B:1F.7')).toEqual(address);
    expect(formatPciAddress(address)).toBe('0000:3b:1f.7');
  });

  it('have domains beyond 16 bits, behind some controllers', () => {
    expect(parsePciAddress('10000:e1:00.0')).toEqual({ domain: 0x10000, bus: 0xe1, device: 0, function: 0 });
    expect(formatPciAddress({ domain: 0x10000, bus: 0xe1, device: 0, function: 0 })).toBe('10000:e1:00.0');
  });

  it('survive formatting and parsing', () => {
    const address = fc.record({
      domain: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      bus: fc.integer({ min: 0, max: 255 }),
      device: fc.integer({ min: 0, max: 31 }),
      function: fc.integer({ min: 0, max: 7 }),
    });
    const property = fc.property(address, (a) => {
      expect(parsePciAddress(formatPciAddress(a))).toEqual(a);
    });
    fc.assert(property, { seed: 5 });
  });

  it.each([
    '',
    '03:00',
    '03:00.8',
    '03:20.0',
    '3:00.0',
    '000:03:00.0',
    '0000:03:00.0 ',
    '../../etc',
    'eth0',
    '0x03:00.0',
  ])('%j is none', (text) => expect(parsePciAddress(text)).toBeUndefined());
});
