import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockLimit } from '../../src/memory/lock-limit.ts';
import { temporaryDirectory } from '../support/process.ts';

/** What the limit is with these lines in /proc/self. */
function limitOf(soft: string, capabilities: string, locked: string) {
  const directory = temporaryDirectory();
  const status = ['Name:\tnode', `VmLck:\t    ${locked} kB`, `CapPrm:\t${capabilities}`, `CapEff:\t${capabilities}`];
  const head = 'Limit                     Soft Limit           Hard Limit           Units     ';
  const limits = [head, `Max locked memory         ${soft.padEnd(20)} unlimited            bytes     `];
  writeFileSync(join(directory, 'status'), `${status.join('\n')}\n`);
  writeFileSync(join(directory, 'limits'), `${limits.join('\n')}\n`);
  return lockLimit(directory);
}

describe('the limit of locked memory', () => {
  it('is the soft one, beside what is locked already', () => {
    expect(limitOf('8388608', '0000000000000000', '2048')).toEqual({ limit: 8_388_608, locked: 2_097_152 });
  });

  it.each([
    ['there is none', 'unlimited', '0000000000000000'],
    ['the process may lock without', '65536', '0000000000004000'],
    ['root runs it', '65536', '000001ffffffffff'],
  ])('is no limit if %s', (_, soft, capabilities) => {
    expect(limitOf(soft, capabilities, '0').limit).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts no other capability', () => {
    expect(limitOf('65536', '000001ffffffbfff', '0').limit).toBe(65_536);
  });

  it('can be read on this machine', () => {
    expect(lockLimit().limit).toBeGreaterThan(0);
  });
});
