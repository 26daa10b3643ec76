/** What is in the cage, as the driver tells it: a cable, optics, nothing. */
import { describe, expect, it } from 'vitest';
import { sfpModule } from '../../../src/emulation/ixgbe/link/sfp-module.ts';
import { at, EMPTY_CAGE, OPTICS, TWINS, type VariantBench } from '../harness/variants.ts';

export function testMedia(bench: VariantBench): void {
  describe('the cage', () => {
    it('has a cable in it', () => hasCable(bench));
    it('has optics in it', () => hasOptics(bench));
    it('has nothing in it', () => hasNothing(bench));
  });
}

async function hasCable({ guest }: VariantBench): Promise<void> {
  const { near } = TWINS;
  expect(await guest().output(`ethtool ${near.name}`)).toContain('Port: Direct Attach Copper');
  const page = await guest().output(`ethtool -m ${near.name} raw on length 256 | base64 -w 0`);
  expect([...Buffer.from(page, 'base64')]).toEqual([...sfpModule('da')]);
}

async function hasOptics({ guest }: VariantBench): Promise<void> {
  const { near, far } = OPTICS;
  const log = await guest().output('dmesg --notime');
  expect(log).toContain('ixgbe 0000:00:0b.0: MAC: 2, PHY: 19, SFP+: 5');
  for (const end of [near, far]) {
    const settings = await guest().output(at(end, `ethtool ${end.name}`));
    for (const line of ['Port: FIBRE', 'Speed: 10000Mb/s', 'Link detected: yes']) expect(settings).toContain(line);
  }
  const module = await guest().output(`ethtool -m ${near.name}`);
  const said = (what: string): string | undefined => new RegExp(`^\\s*${what}\\s+: (.*)$`, 'm').exec(module)?.[1];
  expect(said('Identifier')).toBe('0x03 (SFP)');
  expect(said('Connector')).toBe('0x07 (LC)');
  expect(said('Transceiver type')).toBe('10G Ethernet: 10G Base-SR');
  expect(said('Laser wavelength')).toBe('850nm');
  expect(said('Vendor PN')).toBe('10GBASE-SR');
}

async function hasNothing({ guest, server }: VariantBench): Promise<void> {
  const { name, index } = EMPTY_CAGE;
  const log = await guest().output('dmesg --notime');
  expect(log).toContain('ixgbe 0000:00:0d.0: Intel(R) 10 Gigabit Network Connection');
  expect(log).not.toMatch(/ixgbe 0000:00:0d\.0: .*SFP\+/);
  await guest().output(`ip link set ${name} up`);
  const settings = await guest().output(`ethtool ${name}`);
  for (const line of ['Speed: Unknown!', 'Port: Other', 'Link detected: no']) expect(settings).toContain(line);
  expect((await guest().run(`ethtool -m ${name}`)).status).not.toBe(0);
  expect(server().devices[index].model.linkUp).toBe(false);
}
