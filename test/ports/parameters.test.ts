import { describe, expect, it } from 'vitest';
import { parseValues } from '../../src/ports/parameters.ts';
import {
  integerFrom,
  oneOf,
  parseBoolean,
  parseCount,
  parseDuration,
  parseProbability,
  parseRate,
} from '../../src/ports/quantities.ts';

describe('quantities', () => {
  it.each([
    [parseRate, '10G', { bitsPerSecond: 10e9 }],
    [parseRate, '2.5Mbit/s', { bitsPerSecond: 2.5e6 }],
    [parseRate, '14.88Mpps', { framesPerSecond: 14.88e6 }],
    [parseRate, '1e6pps', { framesPerSecond: 1e6 }],
    [parseCount, '10M', 10_000_000],
    [parseCount, '64', 64],
    [parseDuration, '50us', 50_000],
    [parseDuration, '1.5ms', 1_500_000],
    [parseProbability, '1e-3', 0.001],
    [parseProbability, '0.1%', 0.001],
    [parseProbability, '0', 0],
    [parseBoolean, '1', true],
    [parseBoolean, 'no', false],
    [integerFrom(60, 9018), '9k', 9000],
    [oneOf('read', 'write'), 'read', 'read'],
  ])('%o reads %s', (parse: (text: string) => unknown, text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it.each([
    [parseRate, ['', '0', '-1', 'G', '10X', '1e999', 'ten']],
    [parseCount, ['', '1.5', '-1', '1e30', ' 1']],
    [parseDuration, ['50', '50 us', '', '-1s']],
    [parseProbability, ['1.1', '101%', '-0.1', 'x', '']],
    [parseBoolean, ['', 'maybe', '2']],
    [integerFrom(60, 9018), ['59', '9019']],
    [oneOf('read', 'write'), ['', 'Read']],
  ])('%o refuses %j', (parse: (text: string) => unknown, texts) => {
    for (const text of texts) expect(() => parse(text), text).toThrow(/^must be /);
  });
});

describe('parseValues', () => {
  const table = {
    mode: { syntax: 'read|write', meaning: '', default: 'read', parse: oneOf('read', 'write') },
    loops: { syntax: 'N', meaning: '', parse: parseCount },
  };
  const parse = (values: Record<string, string>) =>
    parseValues("port 'pcap:x'", table, new Map(Object.entries(values)));

  it('parses what is given and fills in defaults', () => {
    expect(parse({ loops: '3' })).toEqual({ mode: 'read', loops: 3 });
    expect(parse({ mode: 'write' })).toEqual({ mode: 'write', loops: undefined });
  });

  it('names what is known, and the near match', () => {
    expect(() => parse({ lops: '3' })).toThrow(
      "port 'pcap:x': unknown parameter 'lops'; known: mode, loops; did you mean 'loops'?",
    );
    expect(() => parse({ colour: '3' })).toThrow("unknown parameter 'colour'; known: mode, loops");
    expect(() => parseValues('port', {}, new Map([['a', 'b']]))).toThrow("unknown parameter 'a'; it has none");
  });

  it('says what a value should be', () => {
    expect(() => parse({ mode: 'append' })).toThrow(
      "port 'pcap:x': parameter 'mode' must be one of read, write, found 'append'",
    );
  });
});
