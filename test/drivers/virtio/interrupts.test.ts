import { describe, expect, it } from 'vitest';
import type { FeatureName } from '../../../src/datasheet/virtio/features.ts';
import type { VirtioOptions } from '../../../src/drivers/virtio/index.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { FakeVirtio, USUAL } from './fake-device.ts';
import type { FakeInterrupt } from './fake-interrupts.ts';
import { open } from './open-fake.ts';

const NONE = 0xffff;
const vectors = (device: FakeVirtio) => device.queues.map(({ vector }) => vector);
const line = (device: FakeVirtio, vector: number): FakeInterrupt => {
  const found = device.interrupts?.lines[vector];
  if (!found) throw new Error(`vector ${vector} is off`);
  return found;
};

/** Uses a receive buffer for a frame, and interrupts if the driver wants it; whether it does. */
function deliver(device: FakeVirtio, queue = 0, vector = 0): boolean {
  const ring = device.ring(queue);
  const buffer = ring.take();
  if (buffer) ring.use(buffer, 72);
  if (!ring.interrupting) return false;
  device.isr |= 1;
  line(device, vector).fire();
  return true;
}

describe('vectors', () => {
  const features: FeatureName[] = [...USUAL, 'MQ'];

  it('are one for each receive queue, and one for changes of the configuration', async () => {
    const device = new FakeVirtio({ features, pairs: 2, interrupts: 'msix' });
    await open(device, { rxQueues: 2 });
    expect(device.interrupts?.lines.length).toBe(3);
    expect(vectors(device)).toEqual([0, NONE, 1, NONE, NONE]);
    expect(device.configVector).toBe(2);
  });

  it('are shared where the device has fewer', async () => {
    const device = new FakeVirtio({ features, pairs: 4, interrupts: 'msix', vectors: 3 });
    await open(device, { rxQueues: 4 });
    expect(vectors(device)).toEqual([0, NONE, 1, NONE, 0, NONE, 1, NONE, NONE]);
    expect(device.configVector).toBe(2);
    const single = new FakeVirtio({ features, interrupts: 'msix', vectors: 1 });
    const nic = await open(single);
    expect([vectors(single)[0], single.configVector]).toEqual([0, 0]);
    nic.rx[0].interrupt?.arm();
    expect(deliver(single)).toBe(true);
    expect(nic.rx[0].interrupt?.wait(0)).toBe(true);
  });

  it('are not touched on request', async () => {
    const device = new FakeVirtio({ interrupts: 'msix' });
    const nic = await open(device, { interrupts: false });
    expect(nic.rx[0].interrupt).toBeUndefined();
    expect(vectors(device)).toEqual([NONE, NONE, NONE]);
    expect(device.log).not.toContain('interrupts true');
  });

  it.each([
    ['QUEUE_MSIX_VECTOR', 'no room for interrupt vector 0 of queue 0, found none'],
    ['CONFIG_MSIX_VECTOR', 'no room for interrupt vector 1 of configuration changes, found none'],
  ])('for which the device has no room are an error (%s)', async (register, message) => {
    for (const kind of ['modern', 'legacy'] as const) {
      const device = new FakeVirtio({ kind, interrupts: 'msix' });
      device.onRead = (name) => (name === register ? NONE : undefined);
      await expect(open(device)).rejects.toMatchObject({
        code: 'ERR_DEVICE_UNSUPPORTED',
        message: expect.stringContaining(message),
      });
      expect(device.log.slice(-2)).toEqual(['bus-master false', 'close']);
    }
  });

  it('move the configuration of a legacy device', async () => {
    const device = new FakeVirtio({ kind: 'legacy', features: ['MAC', 'STATUS'], interrupts: 'msix' });
    const nic = await open(device);
    expect(nic.mac).toBe('52:54:00:12:34:56');
    expect(device.space.msixEnabled).toBe(true);
    device.net.setUint16(6, 0, true);
    expect(nic.link().up).toBe(false);
  });
});

describe.each([
  ['split', 'EVENT_IDX', 'msix'],
  ['split', 'plain', 'msix'],
  ['packed', 'EVENT_IDX', 'msix'],
  ['packed', 'plain', 'msix'],
  ['split', 'EVENT_IDX', 'intx'],
  ['packed', 'plain', 'intx'],
] as const)('receive queues with %s rings, %s, %s', (ring, events, interrupts) => {
  const make = () => new FakeVirtio({ features: ['MAC', 'EVENT_IDX', 'RING_PACKED'], interrupts });
  const options: Partial<VirtioOptions> = { ring, without: events === 'plain' ? ['EVENT_IDX'] : [] };

  it('interrupt only while they are armed, and once', async () => {
    const device = make();
    const nic = await open(device, options);
    const { interrupt } = nic.rx[0];
    const batch = new PacketBatch(8);
    expect(deliver(device)).toBe(false);
    expect(nic.rx[0].receive(batch)).toBe(1);
    expect(interrupt?.arm()).toBe(true);
    expect(nic.rx[0].receive(batch)).toBe(0);
    expect(interrupt?.wait(0)).toBe(false);
    expect(deliver(device)).toBe(true);
    expect(interrupt?.wait(0)).toBe(true);
    expect(interrupt?.wait(0)).toBe(false);
    expect(deliver(device)).toBe(false);
    if (interrupts === 'intx') expect(line(device, 0).unmasked).toBeGreaterThan(0);
  });

  it('are quiet again once disarmed', async () => {
    const device = make();
    const nic = await open(device, options);
    nic.rx[0].interrupt?.arm();
    nic.rx[0].interrupt?.disarm();
    if (events === 'plain') expect(deliver(device)).toBe(false);
    expect(nic.rx[0].interrupt?.wait(0)).toBe(false);
  });

  it('call a handler', async () => {
    const device = make();
    const nic = await open(device, options);
    let calls = 0;
    nic.rx[0].interrupt?.handle(() => calls++);
    nic.rx[0].interrupt?.arm();
    deliver(device);
    expect(calls).toBe(1);
    nic.close();
    expect(calls).toBe(2);
    expect(nic.rx[0].interrupt?.arm()).toBe(false);
  });
});

describe('queues that share a vector', () => {
  it('all wake, and are all quiet afterwards', async () => {
    const device = new FakeVirtio({ features: [...USUAL, 'MQ'], pairs: 2, interrupts: 'msix', vectors: 2 });
    const nic = await open(device, { rxQueues: 2, without: ['EVENT_IDX'] });
    const [first, second] = nic.rx.map(({ interrupt }) => interrupt);
    first?.arm();
    second?.arm();
    expect(deliver(device, 2)).toBe(true);
    expect([first?.wait(0), second?.wait(0)]).toEqual([true, true]);
    expect([deliver(device, 0), deliver(device, 2)]).toEqual([false, false]);
  });
});
