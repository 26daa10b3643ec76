/** `ixy hugepages`: the memory that NICs reach. */
import Table from 'cli-table3';
import { type Command, Option } from 'commander';
import { type HugePagePool, HugePagePools, hugePageName } from '../memory/huge-page-pools.ts';
import { HUGE_PAGE_1_GIB, HUGE_PAGE_2_MIB } from '../memory/huge-pages.ts';
import { integerFrom } from '../ports/quantities.ts';
import { optionValue } from './option-values.ts';

interface HugePagesOptions {
  readonly count?: number;
  readonly size: '2M' | '1G';
  readonly node?: number;
  readonly json?: boolean;
}

const NOTES = `
Rings and packets on real NICs lie in huge pages. Setting some aside needs root; it lasts
until the machine is booted again.

Examples:
  ixy hugepages
  ixy hugepages --count 512
  ixy hugepages --count 4 --size 1G --node 1
`;

export function addHugePages(program: Command): void {
  program
    .command('hugepages')
    .description('Show the huge pages of each size and NUMA node, or set some aside.')
    .option('-n, --count <pages>', 'set aside so many in all', optionValue(integerFrom(0, 2 ** 31)))
    .addOption(new Option('-s, --size <size>', 'of each page').choices(['2M', '1G']).default('2M', '2M'))
    .option('--node <node>', 'on this NUMA node; default: spread over all', optionValue(integerFrom(0, 1023)))
    .option('--json', 'print a JSON object')
    .addHelpText('after', NOTES)
    .action((options: HugePagesOptions) => {
      const pools = new HugePagePools();
      if (options.count !== undefined) {
        pools.resize(options.size === '1G' ? HUGE_PAGE_1_GIB : HUGE_PAGE_2_MIB, options.count, options.node);
      }
      process.stdout.write(options.json ? `${JSON.stringify({ pools: pools.pools() })}\n` : poolsText(pools.pools()));
    });
}

export function poolsText(pools: readonly HugePagePool[]): string {
  if (pools.length === 0) return 'This machine has no huge pages.\n';
  const table = new Table({ head: ['size', 'node', 'total', 'free', 'in use'], style: { head: [], border: [] } });
  for (const { pageSize, node, total, free, inUse } of pools) {
    table.push([hugePageName(pageSize), node ?? '-', total, free, inUse]);
  }
  return `${table}\n`;
}
