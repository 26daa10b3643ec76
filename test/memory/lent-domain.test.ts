import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DmaDomain, DmaMemory } from '../../src/memory/dma-memory.ts';
import { LentDomain, placeOfMemory } from '../../src/memory/lent-domain.ts';
import { testMemory } from '../support/memory.ts';

const PAGE = 4096;

/** Its pages lie at any addresses. */
class ScatteredDomain implements DmaDomain {
  readonly translated = true;
  readonly pages: readonly number[];

  constructor(pages: readonly number[]) {
    this.pages = pages;
  }

  map(): void {}
  unmap(): void {}

  addressOf(_memory: DmaMemory, offset: number): number {
    return this.pages[Math.floor(offset / PAGE)] + (offset % PAGE);
  }
}

describe('a lent address space', () => {
  it('has every byte where the lender’s has it', () => {
    const page = fc.integer({ min: 0, max: 2 ** 40 }).map((number) => number * PAGE);
    fc.assert(
      fc.property(fc.array(page, { minLength: 1, maxLength: 8 }), fc.nat(), (pages, where) => {
        const memory = testMemory(pages.length * PAGE, PAGE);
        const domain = new ScatteredDomain(pages);
        const lent = new LentDomain(memory, structuredClone(placeOfMemory(domain, memory)));
        const offset = where % memory.size;
        expect(lent.addressOf(memory, offset)).toBe(domain.addressOf(memory, offset));
        expect(lent.translated).toBe(true);
      }),
    );
  });

  it('knows no other memory, and nothing beyond', () => {
    const memory = testMemory(PAGE, PAGE);
    const place = placeOfMemory(new ScatteredDomain([0x1000]), memory);
    const lent = new LentDomain(memory, place);
    const unmapped = expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' });
    lent.map(memory);
    lent.unmap(memory);
    expect(() => lent.map(testMemory(PAGE, PAGE))).toThrow(unmapped);
    expect(() => lent.addressOf(testMemory(PAGE, PAGE), 0)).toThrow(unmapped);
    expect(() => lent.addressOf(memory, PAGE)).toThrow(unmapped);
    expect(() => lent.addressOf(memory, -1)).toThrow(unmapped);
    expect(() => new LentDomain(testMemory(2 * PAGE, PAGE), place)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    );
  });
});
