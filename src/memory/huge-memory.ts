/** DMA memory of huge pages: contiguous for a device up to 2 MiB or 1 GiB, locked, and never moved or swapped. */
import { closeSync, ftruncateSync, openSync, statfsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkInteger, IxyError, systemErrorCode } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type { DmaMemory } from './dma-memory.ts';
import { HUGE_PAGE_1_GIB, HUGE_PAGE_2_MIB, type HugePageSize, hugePageShortage } from './huge-pages.ts';
import { lockLimit, RAISE_LOCK_LIMIT } from './lock-limit.ts';

export interface HugeMemoryOptions {
  /** Default: 2 MiB. With `directory`, what is mounted there decides. */
  readonly pageSize?: HugePageSize;
  /** A hugetlbfs mount to take the pages from, such as one with a quota or another owner; default: an unnamed file. */
  readonly directory?: string;
}

/** Magic number of hugetlbfs (linux/magic.h). */
const HUGETLBFS_MAGIC = 0x958458f6;
const LARGEST_SIZE = 2 ** 40;

/**
 * At least `minimumBytes` (1 … 2^40, rounded up to whole pages) of zeroed memory. The caller frees it. The pages also go
 * back when the process ends, in whatever way.
 *
 * Throws `ERR_NO_HUGE_PAGES` with the command that makes some, `ERR_PERMISSION` if the memory may not be locked,
 * `ERR_ARGUMENT` if `directory` is no hugetlbfs mount.
 */
export function allocateHugeMemory(minimumBytes: number, options: HugeMemoryOptions = {}): DmaMemory {
  checkInteger('bytes of DMA memory', minimumBytes, 1, LARGEST_SIZE);
  const { directory } = options;
  const pageSize = directory === undefined ? (options.pageSize ?? HUGE_PAGE_2_MIB) : mountedPageSize(directory);
  const size = Math.ceil(minimumBytes / pageSize) * pageSize;
  const file = directory === undefined ? unnamedFile(pageSize, size) : fileIn(directory);
  try {
    const { MAP_LOCKED, MAP_POPULATE, MAP_SHARED } = addon().constants;
    ftruncateSync(file.descriptor, size);
    const buffer = addon().mmap(file.descriptor, size, 0, MAP_SHARED | MAP_POPULATE | MAP_LOCKED);
    return new HugeMemory(buffer, pageSize, file);
  } catch (error) {
    file.close();
    throw explain(error, size, pageSize);
  }
}

/** The file behind a mapping; who opened it closes it. */
interface BackingFile {
  readonly descriptor: number;
  close(): void;
}

function unnamedFile(pageSize: HugePageSize, size: number): BackingFile {
  const { MFD_CLOEXEC, MFD_HUGE_1GB, MFD_HUGE_2MB, MFD_HUGETLB } = addon().constants;
  const flags = MFD_CLOEXEC | MFD_HUGETLB | (pageSize === HUGE_PAGE_1_GIB ? MFD_HUGE_1GB : MFD_HUGE_2MB);
  try {
    const descriptor = addon().memfdCreate('ixy-dma', flags);
    return { descriptor, close: () => addon().close(descriptor) };
  } catch (error) {
    throw explain(error, size, pageSize);
  }
}

function fileIn(directory: string): BackingFile {
  const path = join(directory, `ixy-${process.pid}-${process.hrtime.bigint()}`);
  const descriptor = openSync(path, 'wx+', 0o600);
  // Without a name the pages are free as soon as nobody has them open, also if this process is killed.
  unlinkSync(path);
  return { descriptor, close: () => closeSync(descriptor) };
}

function mountedPageSize(directory: string): HugePageSize {
  const { type, bsize } = statfsSync(directory);
  if (type !== HUGETLBFS_MAGIC) {
    throw new IxyError(
      'ERR_ARGUMENT',
      `${directory} must be a hugetlbfs mount; make one with: sudo mount -t hugetlbfs none ${directory}`,
    );
  }
  if (bsize === HUGE_PAGE_2_MIB || bsize === HUGE_PAGE_1_GIB) return bsize;
  throw new IxyError('ERR_ARGUMENT', `${directory} must have pages of 2 MiB or 1 GiB, found ${bsize} bytes`);
}

/** What a failed system call means here. */
function explain(error: unknown, size: number, pageSize: HugePageSize): unknown {
  switch (systemErrorCode(error)) {
    case 'ENOMEM':
    case 'ENODEV':
      return new IxyError('ERR_NO_HUGE_PAGES', hugePageShortage(pageSize, size / pageSize), { cause: error });
    case 'EAGAIN':
    case 'EPERM':
      return new IxyError(
        'ERR_PERMISSION',
        `${size} bytes of DMA memory must be locked, but this process may lock ${allowance()}; ${RAISE_LOCK_LIMIT}`,
        { cause: error },
      );
    default:
      return error;
  }
}

/** The limit, in words: '8388608 bytes'. */
function allowance(): string {
  const { limit } = lockLimit();
  return Number.isFinite(limit) ? `${limit} bytes` : 'less';
}

class HugeMemory implements DmaMemory {
  readonly kind = 'huge';
  readonly buffer: ArrayBuffer;
  readonly size: number;
  readonly pageSize: number;
  readonly #file: BackingFile;
  #freed = false;

  constructor(buffer: ArrayBuffer, pageSize: number, file: BackingFile) {
    this.buffer = buffer;
    this.size = buffer.byteLength;
    this.pageSize = pageSize;
    this.#file = file;
  }

  get descriptor(): number {
    return this.#freed ? -1 : this.#file.descriptor;
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    addon().munmap(this.buffer);
    this.#file.close();
  }
}
