import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HugePagePools } from '../../src/memory/huge-page-pools.ts';
import { HUGE_PAGE_1_GIB, HUGE_PAGE_2_MIB } from '../../src/memory/huge-pages.ts';
import { temporaryDirectory } from '../support/process.ts';

/** Pages in all and free ones, by directory. */
const POOLS = {
  'kernel/mm/hugepages/hugepages-2048kB': [12, 9],
  'kernel/mm/hugepages/hugepages-1048576kB': [1, 1],
  'devices/system/node/node0/hugepages/hugepages-2048kB': [8, 6],
  'devices/system/node/node0/hugepages/hugepages-1048576kB': [0, 0],
  'devices/system/node/node1/hugepages/hugepages-2048kB': [4, 3],
  'devices/system/node/node1/hugepages/hugepages-1048576kB': [1, 1],
} as const;

function tree(filter = (_path: string): boolean => true): string {
  const root = temporaryDirectory();
  for (const [path, [total, free]] of Object.entries(POOLS).filter(([name]) => filter(name))) {
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, path, 'nr_hugepages'), `${total}\n`);
    writeFileSync(join(root, path, 'free_hugepages'), `${free}\n`);
  }
  return root;
}

describe('pools of huge pages', () => {
  it('are listed by size, then by node', () => {
    expect(new HugePagePools(tree()).pools()).toEqual([
      { pageSize: HUGE_PAGE_2_MIB, node: 0, total: 8, free: 6, inUse: 2 },
      { pageSize: HUGE_PAGE_2_MIB, node: 1, total: 4, free: 3, inUse: 1 },
      { pageSize: HUGE_PAGE_1_GIB, node: 0, total: 0, free: 0, inUse: 0 },
      { pageSize: HUGE_PAGE_1_GIB, node: 1, total: 1, free: 1, inUse: 0 },
    ]);
  });

  it('are listed on machines without nodes, and without one of the sizes', () => {
    const pools = new HugePagePools(tree((path) => path === 'kernel/mm/hugepages/hugepages-2048kB'));
    expect(pools.pools()).toEqual([{ pageSize: HUGE_PAGE_2_MIB, node: undefined, total: 12, free: 9, inUse: 3 }]);
    expect(new HugePagePools(temporaryDirectory()).pools()).toEqual([]);
  });

  it.each([
    ['all nodes', undefined, 'kernel/mm/hugepages/hugepages-2048kB'],
    ['one node', 1, 'devices/system/node/node1/hugepages/hugepages-2048kB'],
  ])('are resized on %s', (_, node, path) => {
    const root = tree();
    const writes: string[] = [];
    const pools = new HugePagePools(root, (file, value) => {
      writes.push(`${file.slice(root.length + 1)} = ${value}`);
      writeFileSync(file, `${value}\n`);
    });
    pools.resize(HUGE_PAGE_2_MIB, 32, node);
    expect(writes).toEqual([`${path}/nr_hugepages = 32`]);
  });

  it.each([
    [100, 57, /^100 huge pages of 2M were asked for, but the system has 57: .*compact_memory.*hugepages=100$/],
    [0, 2, /^0 huge pages of 2M were asked for, but the system has 2: the others are in use/],
  ])('that do not become %d pages, but %d, are an error that says what to try', (count, found, message) => {
    const pools = new HugePagePools(tree(), (file) => writeFileSync(file, `${found}\n`));
    expect(() => pools.resize(HUGE_PAGE_2_MIB, count)).toThrow(
      expect.objectContaining({ code: 'ERR_NO_HUGE_PAGES', message: expect.stringMatching(message) }),
    );
  });

  it('are root’s', () => {
    const refuse = () => {
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    };
    expect(() => new HugePagePools(tree(), refuse).resize(HUGE_PAGE_2_MIB, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_PERMISSION', message: expect.stringContaining('run as root') }),
    );
  });

  it('of a node or a size that is not there are refused, and not made', () => {
    const root = tree((path) => !path.includes('1048576'));
    const pools = new HugePagePools(root);
    expect(() => pools.resize(HUGE_PAGE_2_MIB, 1, 7)).toThrow('there is no NUMA node 7; known: 0, 1');
    expect(() => pools.resize(HUGE_PAGE_1_GIB, 1)).toThrow('this machine has no huge pages of 1G');
    expect(existsSync(join(root, 'devices/system/node/node7'))).toBe(false);
  });
});
