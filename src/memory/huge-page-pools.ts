/** The system's pools of huge pages, one per size and NUMA node: what is in them, and making them larger or smaller. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, IxyError, systemErrorCode } from '../errors.ts';
import { HUGE_PAGE_1_GIB, HUGE_PAGE_2_MIB, type HugePageSize } from './huge-pages.ts';

export interface HugePagePool {
  /** Bytes. */
  readonly pageSize: HugePageSize;
  /** Undefined on a machine that does not say. */
  readonly node: number | undefined;
  readonly total: number;
  readonly free: number;
  readonly inUse: number;
}

const HUGE_PAGE_SIZES: readonly HugePageSize[] = [HUGE_PAGE_2_MIB, HUGE_PAGE_1_GIB];

/** '2M', '1G'. */
export function hugePageName(pageSize: HugePageSize): string {
  return pageSize === HUGE_PAGE_1_GIB ? '1G' : '2M';
}

export class HugePagePools {
  readonly #root: string;
  readonly #write: (path: string, value: string) => void;

  /** The parameters are there for tests. */
  constructor(root = '/sys', write: (path: string, value: string) => void = writeFileSync) {
    this.#root = root;
    this.#write = write;
  }

  /** NUMA nodes, ascending. */
  nodes(): number[] {
    const directory = join(this.#root, 'devices/system/node');
    if (!existsSync(directory)) return [];
    return readdirSync(directory)
      .flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** By size, then by node. A size that the machine does not have is left out. */
  pools(): HugePagePool[] {
    const nodes = this.nodes();
    const places = nodes.length > 0 ? nodes : [undefined];
    return HUGE_PAGE_SIZES.flatMap((pageSize) => places.flatMap((node) => this.#pool(pageSize, node) ?? []));
  }

  /**
   * Sets aside `count` pages in all, on `node`, or spread over all nodes; pages that were set aside before count. Throws
   * `ERR_ARGUMENT` (no such size or node), `ERR_PERMISSION`, `ERR_SYSTEM`, and `ERR_NO_HUGE_PAGES` if the system did not do
   * it: it then has as many as it could get, or cannot take some back from who uses them.
   */
  resize(pageSize: HugePageSize, count: number, node?: number): void {
    const file = join(this.#existing(pageSize, node), 'nr_hugepages');
    try {
      this.#write(file, String(count));
    } catch (cause) {
      const code = systemErrorCode(cause);
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
        throw new IxyError('ERR_PERMISSION', `may not write ${file}; run as root, not in a container`, { cause });
      }
      throw new IxyError('ERR_SYSTEM', `${file}: ${errorMessage(cause)}`, { cause });
    }
    const found = Number(readFileSync(file, 'latin1'));
    if (found !== count) throw shortage(pageSize, count, found);
  }

  #existing(pageSize: HugePageSize, node: number | undefined): string {
    const directory = this.#directory(pageSize, node);
    if (existsSync(directory)) return directory;
    if (node !== undefined && !this.nodes().includes(node)) {
      throw new IxyError('ERR_ARGUMENT', `there is no NUMA node ${node}; known: ${this.nodes().join(', ') || 'none'}`);
    }
    throw new IxyError('ERR_ARGUMENT', `this machine has no huge pages of ${hugePageName(pageSize)}`);
  }

  #pool(pageSize: HugePageSize, node: number | undefined): HugePagePool | undefined {
    const directory = this.#directory(pageSize, node);
    if (!existsSync(directory)) return undefined;
    const read = (name: string): number => Number(readFileSync(join(directory, name), 'latin1'));
    const [total, free] = [read('nr_hugepages'), read('free_hugepages')];
    return { pageSize, node, total, free, inUse: total - free };
  }

  #directory(pageSize: HugePageSize, node: number | undefined): string {
    const place = node === undefined ? 'kernel/mm/hugepages' : `devices/system/node/node${node}/hugepages`;
    return join(this.#root, place, `hugepages-${pageSize / 1024}kB`);
  }
}

function shortage(pageSize: HugePageSize, count: number, found: number): IxyError {
  const name = hugePageName(pageSize);
  const advice =
    found > count
      ? 'the others are in use; end the programs that have them'
      : 'its memory is too full or too fragmented; end other programs, run: echo 1 | sudo tee /proc/sys/vm/compact_memory ' +
        `and try again, or set them aside at boot: hugepagesz=${name} hugepages=${count}`;
  return new IxyError(
    'ERR_NO_HUGE_PAGES',
    `${count} huge pages of ${name} were asked for, but the system has ${found}: ${advice}`,
  );
}
