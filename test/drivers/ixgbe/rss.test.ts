import { afterEach, describe, expect, test } from 'vitest';
import { ixgbe, ixgbeX550 } from '../../../src/datasheet/ixgbe/index.ts';
import { type IxgbeDevice, type IxgbeOptions, openIxgbe } from '../../../src/drivers/ixgbe/index.ts';
import type { RssOptions } from '../../../src/drivers/rss.ts';
import { RSS_FIELDS, type RssField, rssKey } from '../../../src/packets/index.ts';
import { expectError } from '../../packets/support.ts';
import { FakeDevice } from './fake-device.ts';

const opened: IxgbeDevice[] = [];

async function open(device: FakeDevice, options: Partial<IxgbeOptions> = {}): Promise<IxgbeDevice> {
  const nic = await openIxgbe(device, { allocateMemory: device.allocateMemory, linkPollInterval: 0, ...options });
  opened.push(nic);
  return nic;
}

afterEach(() => {
  for (const nic of opened.splice(0)) nic.close();
});

const words = (device: FakeDevice, name: 'RETA' | 'RSSRK') =>
  Array.from({ length: ixgbe[name].length }, (_, n) => device.peek(name, n));

describe('by default', () => {
  test('several queues get flows of all kinds, by the well-known key', async () => {
    const device = new FakeDevice();
    const nic = await open(device, { rxQueues: 3 });
    expect(nic.rss()).toMatchObject({ queues: [0, 1, 2], key: rssKey('microsoft'), fields: RSS_FIELDS, hash: false });
    expect(nic.capabilities.features).toContain('rss');
    const { IPV4, TCP_IPV4, UDP_IPV4, IPV6, TCP_IPV6, UDP_IPV6 } = ixgbe.MRQC.bits;
    const all = IPV4.mask | TCP_IPV4.mask | UDP_IPV4.mask | IPV6.mask | TCP_IPV6.mask | UDP_IPV6.mask;
    expect(device.peek('MRQC')).toBe(1 | all);
    expect(device.peek('RXCSUM')).toBe(ixgbe.RXCSUM.bits.PCSD.mask);
    expect(words(device, 'RETA').slice(0, 3)).toEqual([0x00020100, 0x01000201, 0x02010002]);
    expect(words(device, 'RSSRK').slice(0, 2)).toEqual([0xda565a6d, 0xc20e5b25]);
  });

  test('it is on before the receive path is opened', async () => {
    const device = new FakeDevice();
    await open(device, { rxQueues: 2 });
    const on = device.position('MRQC', (value) => (value & 0xf) === 1);
    expect(on).toBeGreaterThan(0);
    expect(on).toBeLessThan(device.position('RXCTRL', (value) => (value & 1) === 1));
  });

  test('one queue gets everything without it', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    expect(nic.rss()).toBeUndefined();
    expect(device.peek('MRQC')).toBe(0);
    expect(device.peek('RXCSUM')).toBe(0);
    expect(() => nic.rss({})).toThrow(/open the port with several rxQueues, or with the option rss/);
  });

  test('of more queues than the table can name, the first 16 are used', async () => {
    const nic = await open(new FakeDevice(), { rxQueues: 20 });
    expect(nic.rss()?.queues).toEqual(Array.from({ length: 16 }, (_, queue) => queue));
  });

  test('X550 has a longer table', async () => {
    const device = new FakeDevice(0x1563);
    const nic = await open(device, { rxQueues: 3 });
    const { table = [] } = nic.rss() ?? {};
    expect(table.length).toBe(512);
    const [a, b, c, d] = table.slice(-4);
    expect(device.bar().read32(ixgbeX550.ERETA.at(95))).toBe(a | (b << 8) | (c << 16) | (d << 24));
  });
});

describe('changes', () => {
  test('of queues only are written under way; another key or other fields while reception is halted', async () => {
    const device = new FakeDevice();
    const nic = await open(device, { rxQueues: 4 });
    const halted = (value: number): boolean => (value & 1) === 0;
    device.log.length = 0;
    expect(nic.rss({ queues: [3, 3, 1] })).toBe(nic.rss());
    expect(nic.rss()).toMatchObject({ queues: [3, 3, 1], key: rssKey('microsoft'), fields: RSS_FIELDS });
    expect(words(device, 'RETA')[0]).toBe(0x03010303);
    expect(device.position('RXCTRL', halted)).toBe(-1);
    nic.rss({ key: 'symmetric' });
    expect(words(device, 'RSSRK')).toEqual(new Array(10).fill(0x5a6d5a6d));
    expect(device.position('RXCTRL', halted)).toBeLessThan(device.position('RSSRK[0]'));
    nic.rss({ fields: ['tcp6', 'ipv4'] });
    expect(nic.rss()).toMatchObject({ queues: [3, 3, 1], key: rssKey('symmetric'), fields: ['ipv4', 'tcp6'] });
    expect(device.peek('MRQC')).toBe(1 | ixgbe.MRQC.bits.IPV4.mask | ixgbe.MRQC.bits.TCP_IPV6.mask);
    expect(device.peek('RXCTRL') & 1).toBe(1);
  });

  test('leave earlier answers as they were, and take copies', async () => {
    const nic = await open(new FakeDevice(), { rxQueues: 2 });
    const before = nic.rss();
    const key = new Uint8Array(40).fill(7);
    const queues = [1];
    nic.rss({ key, queues });
    key.fill(0);
    queues[0] = 0;
    expect(nic.rss()).toMatchObject({ key: new Uint8Array(40).fill(7), queues: [1] });
    expect(before).toMatchObject({ key: rssKey('microsoft'), queues: [0, 1] });
  });

  test('are refused once the port is closed, but what was set can be asked for', async () => {
    const nic = await open(new FakeDevice(), { rxQueues: 2 });
    nic.close();
    expect(() => nic.rss({ queues: 1 })).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(nic.rss()?.queues).toEqual([0, 1]);
  });
});

describe('what makes no sense is refused, and changes nothing', () => {
  test.each<[string, RssOptions, RegExp]>([
    ['no queue', { queues: 0 }, /rss\.queues must be an integer from 1 to 2, found 0/],
    ['more queues than there are', { queues: 3 }, /rss\.queues must be an integer from 1 to 2, found 3/],
    ['an empty list', { queues: [] }, /rss\.queues\.length must be an integer from 1 to 128, found 0/],
    ['a queue that there is not', { queues: [0, 2] }, /rss\.queues\[1\] must be an integer from 0 to 1, found 2/],
    ['a short key', { key: new Uint8Array(39) }, /rss\.key must be 40 bytes long, found 39/],
    ['a misspelled key', { key: 'symetric' as 'symmetric' }, /unknown key 'symetric'; .*did you mean 'symmetric'\?/],
    ['a key of another kind', { key: [1, 2] as unknown as Uint8Array }, /rss\.key must be 40 bytes, or a key's name/],
    ['a misspelled field', { fields: ['tcp' as RssField] }, /unknown field 'tcp'; .*did you mean 'tcp4'\?/],
    ['fields that are no list', { fields: 'tcp4' as unknown as RssField[] }, /rss\.fields must be a list, found tcp4/],
    [
      'queues that are no list',
      { queues: '2' as unknown as number },
      /rss\.queues must be a number of queues, or a list/,
    ],
    ['a misspelled option', { feilds: [] } as RssOptions, /no option 'feilds'; .*did you mean 'fields'\?/],
    ['a hash when it is too late', { hash: true }, /rss\.hash is chosen when a port is opened, and is false here/],
  ])('%s', async (_what, change, message) => {
    const device = new FakeDevice();
    const nic = await open(device, { rxQueues: 2 });
    const before = nic.rss();
    device.log.length = 0;
    expectError('ERR_ARGUMENT', message, () => nic.rss(change));
    expect(nic.rss()).toBe(before);
    expect(device.log).toEqual([]);
  });

  test('when opening too', async () => {
    await expect(open(new FakeDevice(), { rxQueues: 2, rss: { queues: 3 } })).rejects.toThrow(
      /^0000:03:00\.0: rss\.queues must be an integer from 1 to 2/,
    );
  });
});
