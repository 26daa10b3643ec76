import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  isMulticastMac,
  parseIpv4,
  parseIpv6,
  parseMac,
  readMac,
  writeMac,
} from '../../src/packets/index.ts';
import { expectError, hex, SEEDED } from './support.ts';

describe('MAC addresses', () => {
  it('parses both separators and either case', () => {
    expect(parseMac('90:E2:ba:01:02:ff')).toBe(0x90e2ba0102ff);
    expect(parseMac('90-e2-ba-01-02-ff')).toBe(0x90e2ba0102ff);
  });

  it.each(['', '1:2:3:4:5:6', '90:e2:ba:01:02', '90:e2:ba:01:02:ff:00', '90:e2-ba:01:02:ff', '90:e2:ba:01:02:fg'])(
    'refuses %j',
    (text) => expectError('ERR_ARGUMENT', /MAC address looks like/, () => parseMac(text)),
  );

  it('round-trips through text and bytes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (mac) => {
        const bytes = new Uint8Array(8);
        writeMac(bytes, 1, mac);
        expect(readMac(bytes, 1)).toBe(mac);
        expect(formatMac(mac)).toBe(hex(bytes.subarray(1, 7)).match(/../g)?.join(':'));
        expect(parseMac(formatMac(mac))).toBe(mac);
      }),
      SEEDED,
    );
  });

  it('tells multicast by the group bit', () => {
    expect(isMulticastMac(parseMac('01:00:5e:00:00:01'))).toBe(true);
    expect(isMulticastMac(parseMac('ff:ff:ff:ff:ff:ff'))).toBe(true);
    expect(isMulticastMac(parseMac('02:01:01:01:01:01'))).toBe(false);
  });
});

describe('IPv4 addresses', () => {
  it('round-trips every kind of address', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (address) => {
        expect(isIPv4(formatIpv4(address))).toBe(true);
        expect(parseIpv4(formatIpv4(address))).toBe(address);
      }),
      SEEDED,
    );
    expect(parseIpv4('255.255.255.255')).toBe(0xffff_ffff);
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '1.2.3.4 ', '1.2.3.-4', '0x1.2.3.4', '1..2.3'])(
    'refuses %j',
    (text) => expectError('ERR_ARGUMENT', /IPv4 address looks like/, () => parseIpv4(text)),
  );
});

describe('IPv6 addresses', () => {
  it.each([
    ['::', '00000000000000000000000000000000', '::'],
    ['::1', '00000000000000000000000000000001', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '20010db8000000000000000000000001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '00010000000000020000000000000003', '1:0:0:2::3'],
    ['2001:0:0:1:0:0:1:1', '20010000000000010000000000010001', '2001::1:0:0:1:1'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201', '::ffff:c000:201'],
  ])('reads %s and writes it as RFC 5952 says', (text, bytes, canonical) => {
    expect(hex(parseIpv6(text))).toBe(bytes);
    expect(formatIpv6(parseIpv6(text))).toBe(canonical);
  });

  it.each([
    '',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    '::g',
    ':1::2',
  ])('refuses %j', (text) => expectError('ERR_ARGUMENT', /IPv6 address looks like/, () => parseIpv6(text)));

  it.each(['fe80::1%eth0', '::/0', '1.2.3.4::', '1.2.3.4', '::1.2.3', '::300.1.1.1'])('refuses %j', (text) =>
    expectError('ERR_ARGUMENT', /address looks like/, () => parseIpv6(text)),
  );

  it('agrees with Node on what an address is, and round-trips', () => {
    const piece = fc.constantFrom(':', '::', '0', '1', 'ffff', '10', 'abcde', '1.2.3.4', '');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 16 }), fc.ipV6(), (pieces, valid) => {
        for (const text of [pieces.join(''), valid]) {
          if (isIPv6(text)) {
            const bytes = parseIpv6(text);
            expect(parseIpv6(formatIpv6(bytes))).toEqual(bytes);
          } else {
            expectError('ERR_ARGUMENT', /address looks like/, () => parseIpv6(text));
          }
        }
      }),
      SEEDED,
    );
  });

  it('formats from the middle of a packet', () => {
    expect(formatIpv6(Uint8Array.of(9, 9, ...parseIpv6('fe80::7')), 2)).toBe('fe80::7');
  });
});
