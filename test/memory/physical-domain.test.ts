import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { allocateHugeMemory } from '../../src/memory/huge-memory.ts';
import { PhysicalDomain } from '../../src/memory/physical-domain.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { addon } from '../../src/native/addon.ts';
import { available } from '../support/features.ts';
import { hugePagesMissing, useHugePages } from '../support/huge-pages.ts';
import { temporaryDirectory } from '../support/process.ts';

const { PAGE_SIZE } = addon().constants;
const PRESENT = 2n ** 63n;

/** Memory that passes for huge pages, of `pages` times four ordinary ones. */
function pretendHuge(pages: number): DmaMemory {
  const pageSize = 4 * PAGE_SIZE;
  const { MAP_ANONYMOUS, MAP_PRIVATE } = addon().constants;
  const buffer = addon().mmap(-1, pages * pageSize, 0, MAP_ANONYMOUS | MAP_PRIVATE);
  const free = (): void => addon().munmap(buffer);
  onTestFinished(free);
  return { buffer, size: buffer.byteLength, pageSize, descriptor: -1, kind: 'huge', free };
}

/** A pagemap with these entries, one for each of the memory's pages. */
function fakePagemap(memory: DmaMemory, entries: readonly bigint[]): string {
  const path = join(temporaryDirectory(), 'pagemap');
  const file = openSync(path, 'w');
  const first = addon().addressOf(new Uint8Array(memory.buffer)) / PAGE_SIZE;
  ftruncateSync(file, (first + memory.size / PAGE_SIZE) * 8);
  entries.forEach((entry, page) => {
    const position = (first + (page * memory.pageSize) / PAGE_SIZE) * 8;
    writeSync(file, new BigUint64Array([entry]), 0, 8, position);
  });
  closeSync(file);
  return path;
}

describe('PhysicalDomain', () => {
  it('translates page by page', () => {
    const memory = pretendHuge(2);
    const domain = new PhysicalDomain(fakePagemap(memory, [PRESENT | 0x1234n, PRESENT | 0x40_0000_0001n]));
    domain.map(memory);
    expect(domain.addressOf(memory, 0)).toBe(0x1234 * PAGE_SIZE);
    expect(domain.addressOf(memory, memory.pageSize - 1)).toBe(0x1234 * PAGE_SIZE + memory.pageSize - 1);
    expect(domain.addressOf(memory, memory.pageSize + 5)).toBe(0x40_0000_0001 * PAGE_SIZE + 5);
  });

  it('ignores the flags above the page frame number', () => {
    const memory = pretendHuge(1);
    const domain = new PhysicalDomain(fakePagemap(memory, [0xff80_0000_0000_0077n]));
    domain.map(memory);
    expect(domain.addressOf(memory, 0)).toBe(0x77 * PAGE_SIZE);
  });

  it('looks again only after the last unmap', () => {
    const memory = pretendHuge(1);
    const domain = new PhysicalDomain(fakePagemap(memory, [PRESENT | 1n]));
    domain.map(memory);
    domain.map(memory);
    domain.unmap(memory);
    expect(domain.addressOf(memory, 0)).toBe(PAGE_SIZE);
    domain.unmap(memory);
    const unmapped = expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' });
    expect(() => domain.addressOf(memory, 0)).toThrow(unmapped);
    expect(() => domain.unmap(memory)).toThrow(unmapped);
  });

  it.each([-1, 4 * 4096, Number.NaN])('offset %d is outside', (offset) => {
    const memory = pretendHuge(1);
    const domain = new PhysicalDomain(fakePagemap(memory, [PRESENT | 1n]));
    domain.map(memory);
    expect(() => domain.addressOf(memory, offset)).toThrow(expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }));
  });

  it('without the privilege the kernel shows frame 0, and the error says what is needed', () => {
    const memory = pretendHuge(1);
    const domain = new PhysicalDomain(fakePagemap(memory, [PRESENT]));
    expect(() => domain.map(memory)).toThrow(
      expect.objectContaining({ code: 'ERR_PERMISSION', message: expect.stringContaining('CAP_SYS_ADMIN') }),
    );
    expect(() => domain.addressOf(memory, 0)).toThrow('not mapped');
  });

  it('refuses a page that is not there, and memory that may move', () => {
    const memory = pretendHuge(1);
    const domain = new PhysicalDomain(fakePagemap(memory, [0n]));
    const unmapped = expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' });
    expect(() => domain.map(memory)).toThrow(unmapped);
    expect(() => domain.map(allocatePlainMemory(4096))).toThrow(unmapped);
  });
});

describe.runIf(available('physical addresses of huge pages', hugePagesMissing()))(
  'PhysicalDomain of this machine',
  () => {
    useHugePages(2);

    it('finds huge pages at addresses that are multiples of their size, the same through both mappings', () => {
      const memory = allocateHugeMemory(2 ** 22);
      onTestFinished(() => memory.free());
      const domain = new PhysicalDomain();
      domain.map(memory);
      const addresses = [0, 2 ** 21].map((offset) => domain.addressOf(memory, offset));
      expect(addresses.map((address) => address % 2 ** 21)).toEqual([0, 0]);
      expect(addresses[0]).not.toBe(addresses[1]);

      const { MAP_POPULATE, MAP_SHARED } = addon().constants;
      const buffer = addon().mmap(memory.descriptor, memory.size, 0, MAP_SHARED | MAP_POPULATE);
      onTestFinished(() => addon().munmap(buffer));
      const again = { ...memory, size: memory.size, buffer };
      domain.map(again);
      expect([0, 2 ** 21].map((offset) => domain.addressOf(again, offset))).toEqual(addresses);
    });
  },
);
