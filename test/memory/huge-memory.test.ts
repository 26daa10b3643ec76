import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { allocateHugeMemory } from '../../src/memory/huge-memory.ts';
import { HUGE_PAGE_1_GIB, HUGE_PAGE_2_MIB, hugePageCounts, hugePageShortage } from '../../src/memory/huge-pages.ts';
import { addon } from '../../src/native/addon.ts';
import { available } from '../support/features.ts';
import { hugePagesMissing, useHugePages } from '../support/huge-pages.ts';
import { mappingsOf, openDescriptors, temporaryDirectory } from '../support/process.ts';

/** A tree like /sys/kernel/mm/hugepages, with one page size. */
function fakeCounts(total: number, free: number, reserved: number): string {
  const root = temporaryDirectory();
  const directory = join(root, 'hugepages-2048kB');
  mkdirSync(directory);
  writeFileSync(join(directory, 'nr_hugepages'), `${total}\n`);
  writeFileSync(join(directory, 'free_hugepages'), `${free}\n`);
  writeFileSync(join(directory, 'resv_hugepages'), `${reserved}\n`);
  return root;
}

describe('huge page counts', () => {
  it('tell what is available from what is promised to others', () => {
    expect(hugePageCounts(HUGE_PAGE_2_MIB, fakeCounts(10, 6, 2))).toEqual({ total: 10, available: 4 });
  });

  it('are undefined where the machine has no such pages', () => {
    expect(hugePageCounts(HUGE_PAGE_1_GIB, fakeCounts(0, 0, 0))).toBeUndefined();
  });

  it('a shortage names the command that ends it, pages in use included', () => {
    expect(hugePageShortage(HUGE_PAGE_2_MIB, 64, { total: 10, available: 4 })).toBe(
      '64 free huge pages of 2 MiB are needed, found 4 of 10; ' + 'make some with: sudo ixy hugepages --count 70',
    );
    expect(hugePageShortage(HUGE_PAGE_1_GIB, 2, { total: 0, available: 0 })).toContain(
      'sudo ixy hugepages --count 2 --size 1G; ' +
        'where memory is too fragmented for that, boot with hugepagesz=1G hugepages=2',
    );
  });
});

describe('huge memory that cannot be had', () => {
  it('says how many pages there are, and leaves no descriptor', () => {
    const before = openDescriptors();
    const missing = expect.objectContaining({
      code: 'ERR_NO_HUGE_PAGES',
      message: expect.stringMatching(
        /^524288 free huge pages of 2 MiB are needed, found \d+ of \d+; make some with: sudo ixy hugepages --count/,
      ),
    });
    expect(() => allocateHugeMemory(2 ** 40)).toThrow(missing);
    expect(openDescriptors()).toBe(before);
  });

  it('says so when the process may not lock that much', () => {
    const refusal = Object.assign(new Error('EAGAIN: Resource temporarily unavailable, mmap'), { code: 'EAGAIN' });
    const mmap = vi.spyOn(addon(), 'mmap').mockImplementation(() => {
      throw refusal;
    });
    onTestFinished(() => mmap.mockRestore());
    const before = openDescriptors();
    const notLocked = expect.objectContaining({
      code: 'ERR_PERMISSION',
      message: expect.stringMatching(
        /^2097152 bytes of DMA memory must be locked, but this process may lock .*ulimit -l/,
      ),
      cause: refusal,
    });
    expect(() => allocateHugeMemory(1)).toThrow(notLocked);
    expect(openDescriptors()).toBe(before);
  });

  it.each([0, -1, 0.5, Number.NaN, 2 ** 41])('%d bytes are refused', (bytes) => {
    expect(() => allocateHugeMemory(bytes)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it('a directory that is no hugetlbfs mount is refused', () => {
    expect(() => allocateHugeMemory(1, { directory: temporaryDirectory() })).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT', message: expect.stringContaining('must be a hugetlbfs mount') }),
    );
  });
});

describe.runIf(available('huge memory', hugePagesMissing()))('huge memory', () => {
  useHugePages(4);

  it('is zeroed, contiguous in pages of 2 MiB, and aligned to them', () => {
    const memory = allocateHugeMemory(2 ** 21 + 1);
    expect(memory).toMatchObject({ size: 2 ** 22, pageSize: 2 ** 21, kind: 'huge' });
    const bytes = new Uint8Array(memory.buffer);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(addon().addressOf(bytes) % 2 ** 21).toBe(0);
    memory.free();
  });

  it('can be mapped a second time through its descriptor', () => {
    const memory = allocateHugeMemory(1);
    const again = addon().mmap(memory.descriptor, memory.size, 0, addon().constants.MAP_SHARED);
    new Uint8Array(memory.buffer)[77] = 7;
    expect(new Uint8Array(again)[77]).toBe(7);
    addon().munmap(again);
    memory.free();
  });

  it('free gives everything back, once', () => {
    const descriptors = openDescriptors();
    const memory = allocateHugeMemory(2 ** 22);
    const view = new Uint8Array(memory.buffer);
    expect(mappingsOf('ixy-dma')).toBe(1);
    memory.free();
    memory.free();
    expect([view.length, memory.descriptor, mappingsOf('ixy-dma')]).toEqual([0, -1, 0]);
    expect(openDescriptors()).toBe(descriptors);
  });

  describe('of a hugetlbfs mount', () => {
    let directory = '';
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'ixy-hugetlbfs-'));
      execFileSync('mount', ['-t', 'hugetlbfs', '-o', 'pagesize=2M', 'none', directory]);
    });
    afterAll(() => {
      execFileSync('umount', [directory]);
      rmSync(directory, { recursive: true });
    });

    it('has the mount’s page size and leaves no file there', () => {
      const before = openDescriptors();
      const memory = allocateHugeMemory(1, { directory, pageSize: HUGE_PAGE_1_GIB });
      expect(memory).toMatchObject({ size: 2 ** 21, pageSize: 2 ** 21, kind: 'huge' });
      expect(readdirSync(directory)).toEqual([]);
      new Uint8Array(memory.buffer).fill(1);
      memory.free();
      expect(openDescriptors()).toBe(before);
    });
  });
});
