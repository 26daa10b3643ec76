/** Linux's own ixgbe driver finds several 82599s in its machine: two ports of a chip, NICs without MSI-X, an empty cage. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeGuest } from '../vm/harness/describe-guest.ts';
import { NicServer } from './harness/nic-server.ts';
import { makeVariants, type VariantBench } from './harness/variants.ts';
import { testMedia } from './suites/media.ts';
import { testInterruptTest, testPairs } from './suites/pairs.ts';
import { brokenRules, expected } from './suites/rules.ts';

/** Of any card in a slot without messages. */
const WITHOUT_MESSAGES = [
  'ixgbe 0000:00:0b.0: Failed to allocate MSI-X interrupts.',
  'ixgbe 0000:00:0b.0: Disabling SR-IOV support',
  'ixgbe 0000:00:0b.0: Disabling RSS support',
  'ixgbe 0000:00:0c.0: Failed to allocate MSI-X interrupts.',
  'ixgbe 0000:00:0c.0: Disabling SR-IOV support',
  'ixgbe 0000:00:0c.0: Disabling RSS support',
  'ixgbe 0000:00:0c.0: Failed to allocate MSI interrupt, falling back to legacy.',
];

describe('emulated 82599s of several kinds', () => {
  const server = new NicServer(makeVariants());
  beforeAll(() => server.start());
  afterAll(() => server.close());

  describeGuest("under Linux's driver", { nics: [], served: server.served }, (guest) => {
    const bench: VariantBench = { guest, server: () => server };

    it('are probed, all of them', async () => {
      await guest().output('echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && dmesg --clear && modprobe ixgbe');
      const interfaces = await guest().output('ls /sys/class/net');
      expect(interfaces.split('\n')).toEqual([...server.devices.map((_device, i) => `eth${i}`), 'lo']);
    });

    testPairs(bench);
    testMedia(bench);

    it('were driven by the rules that Linux keeps', () => {
      for (const { model } of server.devices) expect(expected()).toEqual(expect.arrayContaining(brokenRules(model)));
    });

    testInterruptTest(bench);

    it('were driven by known registers alone, within their memory', () => {
      expect([...server.unknown]).toEqual([]);
      expect(server.devices.map(({ model }) => model.dmaFaults)).toEqual(server.devices.map(() => 0));
      expect(server.log).toHaveLength(server.devices.length);
    });

    it('gave the kernel nothing to warn of but what is not there', async () => {
      const warnings = await guest().output('dmesg --notime --level=emerg,alert,crit,err,warn | grep ixgbe');
      const withoutErrors = warnings.split('\n').map((line) => line.replace(/ Err(or)?: -\d+$/, ''));
      expect(withoutErrors).toEqual(WITHOUT_MESSAGES);
    });
  });
});
