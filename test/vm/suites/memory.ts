/** Huge pages and physical addresses on a real kernel; the emulator's view of its memory is the second opinion. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { built, type Guest } from '../harness/guest.ts';
import { HUGE_PAGES } from '../machines.ts';

const PAGE = 2 ** 21;

/** A program that begins with `memory` of three huge pages, in `domain`. */
const program = (rest: string): string => `
  import { allocateHugeMemory } from ${built('memory/huge-memory.js')};
  import { PhysicalDomain } from ${built('memory/physical-domain.js')};
  const print = (value) => console.log(JSON.stringify(value));
  const codeOf = (action) => { try { action(); return 'done'; } catch (error) { return [error.code, error.message]; } };
  const domain = new PhysicalDomain();
  ${rest}
`;

export function testMemory(guest: () => Guest): void {
  describe('DMA memory', () => {
    const freePages = async (): Promise<number> =>
      Number(await guest().output("awk '/^HugePages_Free/ {print $2}' /proc/meminfo"));

    it('lies where its physical addresses say, and is free when its owner is killed', async () => {
      const owner = guest().startScript(
        program(`
        const memory = allocateHugeMemory(${3 * PAGE});
        domain.map(memory);
        const bytes = new Uint8Array(memory.buffer);
        const offsets = [0, ${PAGE - 32}, ${PAGE}, ${2 * PAGE + 4096 + 64}, ${3 * PAGE - 32}];
        offsets.forEach((offset, index) => bytes.set(new TextEncoder().encode('physical memory, piece ' + index), offset));
        print(offsets.map((offset) => domain.addressOf(memory, offset)));
        setInterval(() => {}, 1000);
      `),
      );
      onTestFinished(() => owner.kill('KILL'));
      const addresses: number[] = JSON.parse(await owner.printed('\n'));
      for (const [index, address] of addresses.entries()) {
        const found = await guest().physicalMemory(address, 32);
        expect(found.toString('latin1')).toContain(`physical memory, piece ${index}`);
      }
      expect(await freePages()).toBe(HUGE_PAGES - 3);
      owner.kill('KILL');
      await owner.ended;
      expect(await freePages()).toBe(HUGE_PAGES);
    });

    it('is not to be had beyond the pages that there are', async () => {
      const tooMuch = `print(codeOf(() => allocateHugeMemory(${(HUGE_PAGES + 1) * PAGE})));`;
      expect(await guest().script(program(tooMuch))).toEqual([
        'ERR_NO_HUGE_PAGES',
        expect.stringContaining(`${HUGE_PAGES + 1} free huge pages of 2 MiB are needed, found ${HUGE_PAGES}`),
      ]);
    });

    it('can be locked by others than root as far as their limit goes, but shows them no physical address', async () => {
      const attempt = program(`
      print([
        codeOf(() => allocateHugeMemory(${3 * PAGE})),
        codeOf(() => domain.map(allocateHugeMemory(${PAGE}))),
      ]);
    `);
      expect(await guest().script(attempt, { user: 'nobody', lockableMemory: 2 * PAGE })).toEqual([
        ['ERR_PERMISSION', expect.stringContaining(`${2 * PAGE}`)],
        ['ERR_PERMISSION', expect.stringContaining('CAP_SYS_ADMIN')],
      ]);
    });
  });
}
