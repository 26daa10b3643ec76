import { describe, expect, it } from 'vitest';
import { duration, packetRate } from '../../src/cli/option-values.ts';
import { parseCores, parseIpRange, parsePortRange } from '../../src/cli/ranges.ts';

describe('option values', () => {
  it.each([
    ['14.88M', { framesPerSecond: 14_880_000 }],
    ['500', { framesPerSecond: 500 }],
    ['2k', { framesPerSecond: 2000 }],
    ['1Mpps', { framesPerSecond: 1e6 }],
    ['10G', { bitsPerSecond: 10e9 }],
    ['100Mbit/s', { bitsPerSecond: 100e6 }],
  ])('rate %s', (text, rate) => expect(packetRate(text)).toEqual(rate));

  it.each([
    ['10', 10_000],
    ['500ms', 500],
    ['0.5s', 500],
  ])('duration %s', (text, milliseconds) => expect(duration(text)).toBe(milliseconds));

  it.each(['0', '-1', 'x', '9999999999'])('no duration %s', (text) => expect(() => duration(text)).toThrow());

  it.each([
    ['10.0.0.1', 4, '10.0.0.1', '10.0.0.1'],
    ['10.0.0.1-10.0.1.9', 4, '10.0.0.1', '10.0.1.9'],
    ['10.0.0.77/24', 4, '10.0.0.0', '10.0.0.255'],
    ['255.255.255.255/0', 4, '0.0.0.0', '255.255.255.255'],
    ['2001:db8::5', 6, '2001:db8::5', '2001:db8::5'],
    ['2001:db8::1-2001:db8::ff', 6, '2001:db8::1', '2001:db8::ff'],
    ['2001:db8::ffff/120', 6, '2001:db8::ff00', '2001:db8::ffff'],
  ])('addresses %s', (text, version, first, last) => expect(parseIpRange(text)).toEqual({ version, first, last }));

  it.each(['', '10.0.0', '10.0.0.9-10.0.0.1', '10.0.0.1/33', '10.0.0.1/24/1', '::1/64', '1.1.1.1-2.2.2.2-3.3.3.3'])(
    'no addresses %s',
    (text) => expect(() => parseIpRange(text)).toThrow(),
  );

  it('ports', () => {
    expect(parsePortRange('7')).toEqual({ first: 7, last: 7 });
    expect(parsePortRange('1-65535')).toEqual({ first: 1, last: 65_535 });
    for (const text of ['', '70000', '5-1', '1-2-3', 'http']) expect(() => parsePortRange(text)).toThrow();
  });

  it.each([
    ['3', [3]],
    ['2-5', [2, 3, 4, 5]],
    ['0,2', [0, 2]],
    ['6,0-1', [6, 0, 1]],
  ])('CPUs %s', (text, cores) => expect(parseCores(text)).toEqual(cores));

  it.each(['', '-', '1-', '3-2', '1-2-3', '0,0', '1-3,2', 'x', '4096'])('no CPUs %s', (text) => {
    expect(() => parseCores(text)).toThrow();
  });
});
