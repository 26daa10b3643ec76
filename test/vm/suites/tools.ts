/** `ixy hugepages` and `ixy doctor` on a real kernel. */
import { afterAll, describe, expect, it } from 'vitest';
import type { HugePagePool } from '../../../src/memory/huge-page-pools.ts';
import type { Check } from '../../../src/system/check.ts';
import type { CommandOptions, Guest } from '../harness/guest.ts';
import { HUGE_PAGES } from '../machines.ts';

const IXY = 'node dist/cli/main.js';
const HUGE_PAGE = 2 ** 21;

interface Diagnosis {
  readonly status: number;
  readonly ok: boolean;
  /** Names of checks with a verdict other than 'ok', by verdict. */
  readonly problem: readonly string[];
  readonly advice: readonly string[];
}

export function testTools(guest: () => Guest): void {
  describe('the tools', () => {
    afterAll(() => guest().output(`echo ${HUGE_PAGES} > /proc/sys/vm/nr_hugepages`));

    describe('ixy hugepages', () => {
      it('sets pages aside, as the kernel says too', async () => {
        const { pools } = JSON.parse(await guest().output(`${IXY} hugepages --count ${HUGE_PAGES + 4} --json`)) as {
          pools: readonly HugePagePool[];
        };
        expect(pools).toContainEqual({
          pageSize: HUGE_PAGE,
          node: 0,
          total: HUGE_PAGES + 4,
          free: HUGE_PAGES + 4,
          inUse: 0,
        });
        expect(await guest().output('cat /proc/sys/vm/nr_hugepages')).toBe(String(HUGE_PAGES + 4));
      });

      it('says so if the kernel has not as many', async () => {
        // The guest has 1 GiB in all.
        const { status, stdout, stderr } = await guest().run(`${IXY} hugepages --count 1 --size 1G --node 0`);
        expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
        expect(stderr).toMatch(/^ixy: 1 huge pages of 1G were asked for, but the system has 0: .*\n$/);
      });

      it('needs root to set some aside, but not to look', async () => {
        expect(await guest().output(`${IXY} hugepages`, { user: 'nobody' })).toMatch(/size.*node.*total.*free.*in use/);
        const { status, stderr } = await guest().run(`${IXY} hugepages --count 0 --node 0`, { user: 'nobody' });
        expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('run as root') });
      });
    });

    describe('ixy doctor', () => {
      async function diagnose(options: CommandOptions = {}): Promise<Diagnosis> {
        const { status, stdout } = await guest().run(`${IXY} doctor --json`, options);
        const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: readonly Check[] };
        const named = (verdict: string) => checks.filter((check) => check.verdict === verdict).map(({ name }) => name);
        return { status, ok, problem: named('problem'), advice: named('advice') };
      }

      it('finds no problem on a machine with an IOMMU, VFIO and huge pages', async () => {
        expect(await diagnose()).toMatchObject({
          status: 0,
          ok: true,
          problem: [],
          advice: expect.arrayContaining(['VFIO groups', 'isolated cores']),
        });
      });

      it('finds what an unprivileged user lacks, and that there are no huge pages', async () => {
        await guest().output('echo 0 > /proc/sys/vm/nr_hugepages');
        expect(await diagnose({ user: 'nobody', lockableMemory: 2 * HUGE_PAGE })).toMatchObject({
          status: 1,
          ok: false,
          problem: ['huge pages', 'lockable memory'],
          advice: expect.arrayContaining(['user']),
        });
      });
    });
  });
}
