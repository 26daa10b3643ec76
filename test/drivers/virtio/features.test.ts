import { describe, expect, it, test } from 'vitest';
import { type FeatureName, featureNames, featureSet } from '../../../src/datasheet/virtio/features.ts';
import { chooseFeatures } from '../../../src/drivers/virtio/features.ts';
import type { VirtioOptions } from '../../../src/drivers/virtio/index.ts';
import { FakeVirtio, USUAL } from './fake-device.ts';
import { accepted, open } from './open-fake.ts';

describe('features', () => {
  it('are asked for where they help', async () => {
    const all: FeatureName[] = [
      ...USUAL,
      'GUEST_CSUM',
      'GUEST_TSO4',
      'HOST_TSO4',
      'MRG_RXBUF',
      'MQ',
      'CTRL_VLAN',
      'MTU',
    ];
    const device = new FakeVirtio({
      features: [...all, 'INDIRECT_DESC', 'RING_PACKED', 'IN_ORDER', 'ACCESS_PLATFORM'],
    });
    const nic = await open(device);
    const expected = ['CSUM', 'MTU', 'MAC', 'STATUS', 'CTRL_VQ', 'CTRL_RX', 'CTRL_MAC_ADDR', 'EVENT_IDX', 'VERSION_1'];
    expect(accepted(device)).toEqual([...expected, 'ACCESS_PLATFORM', 'RING_PACKED', 'IN_ORDER']);
    expect(nic.capabilities.features).toEqual(accepted(device));
    expect(nic.description).toBe('virtio-net (modern interface, packed rings)');
  });

  test.each<[Partial<VirtioOptions>, FeatureName]>([
    [{ receiveChecksum: true }, 'GUEST_CSUM'],
    [{ mtu: 9000 }, 'MRG_RXBUF'],
    [{ vlanFilter: true }, 'CTRL_VLAN'],
    [{ rxQueues: 2 }, 'MQ'],
  ])('%o takes %s', async (options, name) => {
    const features: FeatureName[] = [...USUAL, 'GUEST_CSUM', 'MRG_RXBUF', 'CTRL_VLAN', 'MQ'];
    const without = new FakeVirtio({ features, pairs: 2 });
    await open(without);
    expect(accepted(without)).not.toContain(name);
    const device = new FakeVirtio({ features, pairs: 2 });
    await open(device, options);
    expect(accepted(device)).toContain(name);
  });

  test.each<[Partial<VirtioOptions>, FeatureName]>([
    [{ transmitChecksum: false }, 'CSUM'],
    [{ ring: 'split' }, 'RING_PACKED'],
    [{ without: ['EVENT_IDX'] }, 'EVENT_IDX'],
    [{ mtu: 9000 }, 'EVENT_IDX'],
    [{ without: ['CTRL_VQ'] }, 'CTRL_RX'],
    [{ without: ['CTRL_RX'] }, 'CTRL_MAC_ADDR'],
  ])('%o leaves out %s', async (options, name) => {
    const device = new FakeVirtio({ features: [...USUAL, 'RING_PACKED', 'MRG_RXBUF'] });
    await open(device, options);
    expect(accepted(device)).not.toContain(name);
  });

  it.each<Partial<VirtioOptions>>([{ ring: 'split' }, { without: ['RING_PACKED'] }])(
    'hold EVENT_IDX for jumbo frames too, with %o',
    async (options) => {
      const device = new FakeVirtio({ features: [...USUAL, 'RING_PACKED', 'MRG_RXBUF'] });
      await open(device, { mtu: 9000, ...options });
      expect(accepted(device)).toEqual(expect.arrayContaining(['EVENT_IDX', 'MRG_RXBUF']));
    },
  );

  it('need none', async () => {
    for (const kind of ['legacy', 'modern'] as const) {
      const device = new FakeVirtio({ kind, features: [] });
      const nic = await open(device, { promiscuous: true });
      expect(nic.link()).toEqual({ up: true, speed: 0, fullDuplex: true });
      expect(nic.mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
      expect(device.commands).toEqual([]);
    }
  });

  it('do not touch packets where a legacy header lies in a descriptor of its own', async () => {
    const features: FeatureName[] = ['CSUM', 'GUEST_CSUM', 'MRG_RXBUF', 'MAC'];
    const device = new FakeVirtio({ kind: 'legacy', features });
    await open(device, { receiveChecksum: true });
    expect(accepted(device)).toEqual(['MAC']);
    const shared = new FakeVirtio({ kind: 'legacy', features: [...features, 'ANY_LAYOUT'] });
    await open(shared, { receiveChecksum: true });
    expect(accepted(shared)).toEqual(['CSUM', 'GUEST_CSUM', 'MAC', 'ANY_LAYOUT']);
    const switchedOff = new FakeVirtio({ kind: 'legacy', features: [...features, 'ANY_LAYOUT'] });
    await open(switchedOff, { receiveChecksum: true, without: ['ANY_LAYOUT'] });
    expect(accepted(switchedOff)).toEqual(['MAC']);
  });

  it.each(['modern', 'transitional'] as const)('of the %s interface must hold VERSION_1', async (kind) => {
    const device = new FakeVirtio({ kind });
    device.offered = featureSet(['MAC', 'RING_PACKED', 'IN_ORDER']);
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: expect.stringContaining('the modern interface'),
    });
    expect(device.log.at(-1)).toBe('close');
  });

  it('of virtio 1.0 and later are left alone without VERSION_1', () => {
    const offered = featureSet(['MAC', 'RING_PACKED', 'IN_ORDER', 'ACCESS_PLATFORM', 'SPEED_DUPLEX']);
    const wishes = {
      ring: undefined,
      pairs: 1,
      mergeable: false,
      mtu: false,
      vlanFilter: false,
      rss: undefined,
      without: [] as const,
    };
    const chosen = chooseFeatures(offered, { ...wishes, transmitChecksum: true, receiveChecksum: false });
    expect(featureNames(chosen)).toEqual(['MAC']);
  });

  it('shrink to the least if the device refuses more', async () => {
    const device = new FakeVirtio();
    device.onRead = (name) => (name === 'DEVICE_STATUS' && device.accepted[0] !== 0 ? device.status & ~8 : undefined);
    await open(device);
    expect(accepted(device)).toEqual(['VERSION_1']);
    expect(device.log.filter((entry) => entry === 'status 0').length).toBe(2);
  });

  it('are a reason to give up if the device refuses them all', async () => {
    const device = new FakeVirtio();
    device.onRead = (name) => (name === 'DEVICE_STATUS' ? device.status & ~8 : undefined);
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: expect.stringContaining('and also VERSION_1 alone'),
    });
  });

  test.each<[Partial<VirtioOptions>, string]>([
    [{ ring: 'packed' }, "ring: 'packed' takes the feature RING_PACKED"],
    [{ rxQueues: 2, without: ['MQ'] }, 'more than one queue each way takes the feature MQ'],
    [{ mtu: 3000, without: ['MRG_RXBUF'] }, 'takes the feature MRG_RXBUF'],
  ])('that %o insists on must be there', async (options, message) => {
    const device = new FakeVirtio({ features: [...USUAL, 'MQ', 'MRG_RXBUF'], pairs: 2 });
    await expect(open(device, options)).rejects.toMatchObject({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: expect.stringContaining(message),
    });
  });
});
