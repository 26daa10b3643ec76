/** What a client lets the device reach, without a device: many mappings, and more than there may be. */
import { constants } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DmaRegions } from '../../../src/emulation/dma-regions.ts';
import { ClientMemory } from '../../../src/emulation/vfio-user/client-memory.ts';
import { Refusal } from '../../../src/emulation/vfio-user/refusal.ts';
import { DMA_READABLE, DMA_WRITABLE } from '../../../src/pci/vfio-user/payloads.ts';
import { mappingsOf } from '../../support/process.ts';
import { sharedMemory } from './lab.ts';

const PAGE = 4096;
const ADDRESS = 2 ** 32 - 5000 * PAGE;
const FLAGS = DMA_READABLE | DMA_WRITABLE;

function clientMemory(): { memory: ClientMemory; regions: DmaRegions } {
  const regions = new DmaRegions();
  const memory = new ClientMemory(regions, { read: () => undefined, write: () => {} });
  onTestFinished(() => memory.clear());
  return { memory, regions };
}

describe('many mappings of a client', () => {
  const PAGES = 20_000;
  /** A permutation, as 7919 is a prime that does not divide their number. */
  const shuffled = (i: number): number => (i * 7919) % PAGES;

  it('are found, and taken back one by one and together', () => {
    const { memory, regions } = clientMemory();
    const { descriptor, bytes } = sharedMemory(PAGES * PAGE);
    const words = new Int32Array(bytes.buffer);
    const before = mappingsOf('memfd:test');
    const addressOf = (page: number): number => ADDRESS + page * PAGE;
    for (let i = 0; i < PAGES; i++) {
      const page = shuffled(i);
      words[page * (PAGE / 4)] = page;
      // In the file in the other direction: what is found must be that page's, and no neighbour's.
      const offset = (PAGES - 1 - page) * PAGE;
      memory.map({ address: addressOf(page), size: PAGE, offset, flags: FLAGS }, descriptor);
    }
    expect(mappingsOf('memfd:test')).toBeGreaterThan(before + PAGES / 2);
    const found = (page: number): number | undefined => regions.find(addressOf(page) + 8, PAGE - 8)?.words[0];
    const pages = Array.from({ length: PAGES }, (_, page) => page);
    expect(pages.map(found)).toEqual(pages.map((page) => PAGES - 1 - page));
    expect(regions.find(ADDRESS - 1, 1)).toBeUndefined();
    expect(regions.find(addressOf(PAGES), 1)).toBeUndefined();
    for (let i = 0; i < PAGES / 4; i++) memory.unmap(addressOf(shuffled(i)), PAGE);
    const gone = new Set(Array.from({ length: PAGES / 4 }, (_, i) => shuffled(i)));
    expect(pages.filter((page) => found(page) === undefined)).toEqual(pages.filter((page) => gone.has(page)));
    memory.unmap(addressOf(PAGES / 2), (PAGES / 2) * PAGE);
    const left = pages.filter((page) => page < PAGES / 2 && !gone.has(page));
    expect(pages.filter((page) => found(page) !== undefined)).toEqual(left);
    expect(() => memory.unmap(addressOf(left[0]), PAGE / 2)).toThrow(Refusal);
    memory.clear();
    expect(mappingsOf('memfd:test')).toBe(before);
  });

  it('are refused where they overlap any other', () => {
    const { memory } = clientMemory();
    const map = (address: number, size: number) => memory.map({ address, size, offset: 0, flags: FLAGS }, undefined);
    for (let i = 0; i < 100; i++) map(i * 4 * PAGE, 2 * PAGE);
    for (let i = 0; i < 100; i++) {
      const at = i * 4 * PAGE;
      for (const [from, to] of [
        [at - PAGE, at + 1],
        [at + 1, at + 2],
        [at + 2 * PAGE - 1, at + 3 * PAGE],
        [at - 2 * PAGE, at + 4 * PAGE],
      ]) {
        if (from >= 0) expect(() => map(from, to - from)).toThrow(/mapped there already/);
      }
      map(at + 2 * PAGE, 2 * PAGE);
    }
  });

  it('are refused beyond a limit', () => {
    const { memory } = clientMemory();
    const map = (i: number) => memory.map({ address: i * PAGE, size: PAGE, offset: 0, flags: FLAGS }, undefined);
    for (let i = 0; i < 2 ** 16; i++) map(i);
    expect(() => map(2 ** 16)).toThrow(expect.objectContaining({ errno: constants.errno.ENOSPC }));
    memory.unmap(17 * PAGE, PAGE);
    map(2 ** 16);
  });

  it('are refused before the kernel refuses them, which would end the process', () => {
    const clients = [clientMemory(), clientMemory()];
    const { descriptor } = sharedMemory(2 * PAGE);
    const before = mappingsOf('memfd:test');
    // Every other page of the file, so that each is a mapping of its own for the kernel too.
    const map = (i: number) => {
      const { memory } = clients[i & 1];
      memory.map({ address: i * PAGE, size: PAGE, offset: ((i & 2) >> 1) << 12, flags: FLAGS }, descriptor);
    };
    let mapped = 0;
    expect(() => {
      for (; mapped <= 2 ** 17; mapped++) map(mapped);
    }).toThrow(expect.objectContaining({ errno: constants.errno.ENOSPC }));
    expect(mapped).toBeGreaterThan(40_000);
    for (const { memory } of clients) memory.clear();
    expect(mappingsOf('memfd:test')).toBe(before);
    map(0);
  });
});
