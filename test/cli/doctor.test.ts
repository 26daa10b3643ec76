import { describe, expect, it } from 'vitest';
import { colorsFor } from '../../src/cli/colors.ts';
import { checksText } from '../../src/cli/doctor.ts';
import type { Check } from '../../src/system/check.ts';
import { ixy } from './command.ts';

describe('ixy doctor', () => {
  it('prints a row per check, and below it what to do', () => {
    const lines = checksText(
      [
        { name: 'IOMMU', verdict: 'problem', found: 'off', advice: 'switch it on' },
        { name: 'huge pages', verdict: 'ok', found: '8 of 8 of 2M free', advice: null },
      ],
      colorsFor(process.stdout),
    );
    expect(lines).toEqual([
      'problem  IOMMU       off',
      '                     switch it on',
      'ok       huge pages  8 of 8 of 2M free',
    ]);
  });

  it('examines this machine; its exit status says whether there is a problem', async () => {
    const { status, stdout, stderr } = await ixy('doctor', '--json');
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
    expect(stderr).toBe('');
    expect(ok).toBe(!checks.some(({ verdict }) => verdict === 'problem'));
    expect(status).toBe(ok ? 0 : 1);
    expect(checks.find(({ name }) => name === 'addon')).toMatchObject({ verdict: 'ok' });
    expect(await ixy('doctor')).toMatchObject({ status, stdout: expect.stringContaining(process.version) });
  });
});
