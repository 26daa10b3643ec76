import { describe, expect, it } from 'vitest';
import { poolsText } from '../../src/cli/hugepages.ts';
import { HUGE_PAGE_1_GIB, HUGE_PAGE_2_MIB } from '../../src/memory/huge-pages.ts';
import { ixy } from './command.ts';

describe('ixy hugepages', () => {
  it('shows a row per size and node', () => {
    const rows = poolsText([
      { pageSize: HUGE_PAGE_2_MIB, node: 0, total: 512, free: 448, inUse: 64 },
      { pageSize: HUGE_PAGE_1_GIB, node: undefined, total: 0, free: 0, inUse: 0 },
    ]);
    expect(rows).toMatch(/size.*node.*total.*free.*in use/);
    expect(rows).toMatch(/2M.*0.*512.*448.*64/);
    expect(rows).toMatch(/1G.*-.*0.*0.*0/);
    expect(poolsText([])).toContain('no huge pages');
  });

  it('shows those of this machine', async () => {
    expect(await ixy('hugepages')).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = await ixy('hugepages', '--json');
    expect(JSON.parse(stdout)).toEqual({ pools: expect.any(Array) });
  });

  it.each([
    [['--count', 'many'], '--count'],
    [['--count', '-1'], '--count'],
    [['--count', '1', '--size', '4K'], '2M, 1G'],
    [['--count', '1', '--node', '1000'], 'there is no NUMA node 1000'],
  ])('refuses %j', async (args, text) => {
    const { status, errors } = await ixy('hugepages', ...args);
    expect({ status, count: errors.length }).toEqual({ status: 2, count: 1 });
    expect(errors[0]).toContain(text);
  });
});
