/** What the system says about its huge pages (Linux, Documentation/admin-guide/mm/hugetlbpage.rst). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes in a huge page. x86-64 has these two. */
export const HUGE_PAGE_2_MIB = 2 ** 21;
export const HUGE_PAGE_1_GIB = 2 ** 30;
export type HugePageSize = typeof HUGE_PAGE_2_MIB | typeof HUGE_PAGE_1_GIB;

interface HugePageCounts {
  /** Pages that the system has set aside, used or not. */
  readonly total: number;
  /** Pages that nobody uses or was promised. */
  readonly available: number;
}

function poolDirectory(pageSize: HugePageSize, root: string): string {
  return join(root, `hugepages-${pageSize / 1024}kB`);
}

/** Counts of one page size; undefined where the system has no pages of that size. */
export function hugePageCounts(pageSize: HugePageSize, root = '/sys/kernel/mm/hugepages'): HugePageCounts | undefined {
  const directory = poolDirectory(pageSize, root);
  if (!existsSync(directory)) return undefined;
  const read = (name: string): number => Number(readFileSync(join(directory, name), 'utf8'));
  return { total: read('nr_hugepages'), available: read('free_hugepages') - read('resv_hugepages') };
}

/** Says how many pages were `needed`, how many there are, and the command after which there are enough. */
export function hugePageShortage(
  pageSize: HugePageSize,
  needed: number,
  counts: HugePageCounts | undefined = hugePageCounts(pageSize),
): string {
  const name = pageSize === HUGE_PAGE_1_GIB ? '1 GiB' : '2 MiB';
  if (!counts) return `${needed} huge pages of ${name} are needed, but this machine has none of that size`;
  const enough = counts.total + Math.max(0, needed - counts.available);
  const more =
    pageSize === HUGE_PAGE_1_GIB
      ? ` --size 1G; where memory is too fragmented for that, boot with hugepagesz=1G hugepages=${enough}`
      : '';
  return (
    `${needed} free huge pages of ${name} are needed, found ${counts.available} of ${counts.total}; ` +
    `make some with: sudo ixy hugepages --count ${enough}${more}`
  );
}
