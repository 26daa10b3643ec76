import { describe, expect, it } from 'vitest';
import type { FeatureName } from '../../../src/datasheet/virtio/features.ts';
import { NET_CONFIG } from '../../../src/datasheet/virtio/net.ts';
import type { VirtioOptions } from '../../../src/drivers/virtio/index.ts';
import { rssKey } from '../../../src/packets/index.ts';
import { expectError } from '../../packets/support.ts';
import { FakeVirtio, USUAL } from './fake-device.ts';
import { open } from './open-fake.ts';

const RSS_CONFIG = [4, 1];
const HASH_CONFIG = [4, 2];
const KEY = [...rssKey('microsoft')];

/** Two pairs, a table of 4 entries, and by default everything that RSS takes. */
function fake(
  features: readonly FeatureName[] = ['MQ', 'RSS', 'HASH_REPORT'],
  types = 0x3f,
  keyBytes = 40,
): FakeVirtio {
  const device = new FakeVirtio({ features: [...USUAL, ...features], pairs: 2 });
  device.net.setUint8(NET_CONFIG.RSS_MAX_KEY_SIZE, keyBytes);
  device.net.setUint16(NET_CONFIG.RSS_MAX_TABLE_LENGTH, 5, true);
  device.net.setUint32(NET_CONFIG.SUPPORTED_HASH_TYPES, types, true);
  return device;
}

const sent = (device: FakeVirtio, code: readonly number[]) =>
  device.commands.filter((command) => String(command.code) === String(code)).map(({ data }) => data[0]);

describe('several queues of a device with RSS', () => {
  it('get flows of all kinds that it hashes, by the largest table that it takes, and no other command', async () => {
    const device = fake(undefined, 0b1001_1011);
    const nic = await open(device, { rxQueues: 2 });
    expect(device.has('HASH_REPORT')).toBe(false);
    expect(sent(device, RSS_CONFIG)).toEqual([
      [0b1_1011, 0, 0, 0, 3, 0, 0, 0, ...[0, 0, 1, 0, 0, 0, 1, 0], ...[2, 0], 40, ...KEY],
    ]);
    expect(sent(device, [4, 0])).toEqual([]);
    const fields = ['ipv4', 'tcp4', 'ipv6', 'tcp6'];
    expect(nic.rss()).toEqual({ queues: [0, 1], key: rssKey('microsoft'), fields, table: [0, 1, 0, 1], hash: false });
    expectError('ERR_DEVICE_UNSUPPORTED', /does not hash 'udp4'; it can: ipv4, tcp4, ipv6, tcp6/, () =>
      nic.rss({ fields: ['udp4'] }),
    );
  });

  it('are steered anew by another command; what is refused changes nothing', async () => {
    const device = fake();
    const nic = await open(device, { rxQueues: 2 });
    nic.rss({ queues: [1], key: 'symmetric', fields: ['udp6'] });
    expect(sent(device, RSS_CONFIG).at(-1)).toEqual([
      ...[0x20, 0, 0, 0, 3, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 2, 0, 40],
      ...rssKey('symmetric'),
    ]);
    const before = nic.rss();
    device.answer = () => 1;
    expectError('ERR_DEVICE_UNSUPPORTED', /refused the command RSS_CONFIG/, () => nic.rss({ queues: 2 }));
    expectError('ERR_ARGUMENT', /rss\.queues must be an integer from 1 to 2, found 3/, () => nic.rss({ queues: 3 }));
    expect(nic.rss()).toBe(before);
    nic.close();
    expectError('ERR_CLOSED', /is closed/, () => nic.rss({}));
  });

  it('are left to the device with rss: false', async () => {
    const device = fake();
    const nic = await open(device, { rxQueues: 2, rss: false });
    expect(device.has('RSS')).toBe(false);
    expect(sent(device, [4, 0])).toEqual([[2, 0]]);
    expect(nic.rss()).toBeUndefined();
    expectError('ERR_ARGUMENT', /open the port with several rxQueues, or with the option rss/, () => nic.rss({}));
  });

  it('are left to the device too if RSS comes to nothing, and nobody has asked for it', async () => {
    const warnings: string[] = [];
    const logger = { info() {}, warn: (message: string) => warnings.push(message) };
    const refusing = fake();
    refusing.answer = ({ code }) => (String(code) === String(RSS_CONFIG) ? 1 : 0);
    for (const device of [fake(undefined, 0x3f, 39), refusing]) {
      const nic = await open(device, { rxQueues: 2, logger });
      expect(nic.rss()).toBeUndefined();
      expect(sent(device, [4, 0])).toEqual([[2, 0]]);
    }
    expect(warnings).toEqual([
      expect.stringMatching(/room for 39 bytes .*; going on without/),
      expect.stringMatching(/refused the command RSS_CONFIG .*; going on without/),
    ]);
  });

  it('need no MQ beside it', async () => {
    const device = fake(['RSS']);
    const nic = await open(device, { rxQueues: 2 });
    expect(nic.rss()).toMatchObject({ queues: [0, 1] });
    expect(device.log).toContain('queue 4'); // the control queue is behind all pairs
  });
});

describe('hashes', () => {
  it('come with RSS where the device has it, for one queue too', async () => {
    const device = fake();
    const nic = await open(device, { rss: { hash: true } });
    expect([device.has('RSS'), device.has('HASH_REPORT')]).toEqual([true, true]);
    expect(nic.rss()).toMatchObject({ queues: [0], hash: true });
  });

  it('come without RSS by a command of their own', async () => {
    const device = fake(['HASH_REPORT']);
    const nic = await open(device, { rss: { hash: true, fields: ['tcp4'] } });
    expect(sent(device, HASH_CONFIG)).toEqual([[2, 0, 0, 0, ...[0, 0, 0, 0, 0, 0, 0, 0], 40, ...KEY]]);
    expect(nic.rss()).toMatchObject({ table: [0], hash: true });
  });
});

describe('a device is refused', () => {
  it.each<[string, FakeVirtio, Partial<VirtioOptions>, RegExp]>([
    ['that has no RSS', fake(['MQ']), { rxQueues: 2, rss: {} }, /the option rss takes the feature RSS/],
    ['that reports no hashes', fake(['MQ', 'RSS']), { rss: { hash: true } }, /rss\.hash takes the feature HASH_REPORT/],
    ['whose key is too short', fake(undefined, 0x3f, 39), { rxQueues: 2, rss: {} }, /has room for 39 bytes/],
    ['that does not hash what is asked for', fake(undefined, 1), { rxQueues: 2, rss: { fields: ['tcp4'] } }, /'tcp4'/],
  ])('%s', async (_what, device, options, message) => {
    await expect(open(device, options)).rejects.toMatchObject({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: expect.stringMatching(message),
    });
    expect(device.log.at(-1)).toBe('close');
  });

  it('not for options that no device could follow: those are refused first', async () => {
    const device = fake(['MQ']);
    await expect(open(device, { rxQueues: 2, rss: { queues: 3 } })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    expect(device.log).toEqual(['close']);
  });
});
