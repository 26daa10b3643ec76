/**
 * A served 82599 as the guest's kernel, and whoever asks it, sees it: configuration space, BARs, registers. It belongs to
 * nobody afterwards.
 */
import { describe, expect, it } from 'vitest';
import { ACCESS_PATHS, bindFor } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { type Nic, nicAddress } from '../harness/nics.ts';

/** Bytes of BAR 0, and of the one with the MSI-X table. */
const SIZES = [0x2_0000, 0x4000];

export function testServedConfig(guest: () => Guest, nic: Nic): void {
  const address = nicAddress(nic);
  const device = `/sys/bus/pci/devices/${address}`;

  describe('a served NIC', () => {
    it('lists it as what it is', async () => {
      expect(await guest().output(`lspci -n -s ${address}`)).toMatch(/ 0200: 8086:10fb \(rev 01\)$/);
      const details = await guest().output(`lspci -vv -s ${address}`);
      expect(details).toMatch(/MSI-X: Enable. Count=64 Masked-/);
      expect(details).toContain('Express (v2)');
      expect(details).toContain('Power Management version 3');
    });

    it('gives its BARs their sizes', async () => {
      const sizes = (await guest().output(`cat ${device}/resource`)).split('\n').map((line) => {
        const [begin, end] = line.split(' ').map(Number);
        return begin === 0 ? 0 : end - begin + 1;
      });
      expect([sizes[0], sizes[4]]).toEqual(SIZES);
    });

    it('reads its registers', async () => {
      await bindFor(guest(), ACCESS_PATHS.sysfs, address);
      await guest().output(`echo 1 > ${device}/enable`);
      const reader = `
        import { openSync } from 'node:fs';
        import { createRequire } from 'node:module';
        const { mmap, constants } = createRequire('${process.cwd()}/')('./build/Release/ixy.node');
        const words = new Int32Array(mmap(openSync('${device}/resource0', 'r+'), 0x20000, 0, constants.MAP_SHARED));
        console.log(JSON.stringify([words[0x5400 >> 2], words[0x5404 >> 2]]));`;
      // 52:54:00:12:34:SLOT, valid.
      expect(await guest().script(reader)).toEqual([0x1200_5452, 0x8000_0034 | (nic.slot << 8) | 0]);
    });
  });
}
