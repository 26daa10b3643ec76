import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { FeatureName } from '../../../src/datasheet/virtio/features.ts';
import type { VirtioNetDevice, VirtioOptions } from '../../../src/drivers/virtio/index.ts';
import { IxyError } from '../../../src/errors.ts';
import { PacketPool } from '../../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { FakeVirtio, USUAL } from './fake-device.ts';
import { accepted, open } from './open-fake.ts';

describe('initialisation (virtio 1.2, section 3.1.1)', () => {
  it('takes its steps in order', async () => {
    const device = new FakeVirtio();
    await open(device);
    expect(device.log).toEqual([
      'status 0',
      'status 1',
      'status 3',
      'status 11',
      'bus-master true',
      'queue 0',
      'queue 1',
      'queue 2',
      'status 15',
      'notify 2',
      'notify 2',
      'notify 0',
    ]);
  });

  it('does the same through the legacy interface, which knows no FEATURES_OK', async () => {
    const device = new FakeVirtio({ kind: 'legacy', features: ['MAC', 'ANY_LAYOUT'] });
    await open(device);
    const expected = ['status 0', 'status 1', 'status 3', 'bus-master true', 'queue 0', 'queue 1', 'status 7'];
    expect(device.log).toEqual([...expected, 'notify 0']);
    expect(accepted(device)).toEqual(['MAC', 'ANY_LAYOUT']);
  });

  it('keeps the interrupt line off where nobody listens', async () => {
    const device = new FakeVirtio({ interrupts: 'intx' });
    const nic = await open(device, { interrupts: false });
    expect(device.config.read16(4) & 0x400).toBe(0x400);
    nic.close();
    await open(device);
    expect(device.config.read16(4) & 0x400).toBe(0);
  });

  it('waits until the device has reset itself, and not for ever', async () => {
    const device = new FakeVirtio();
    let reads = 0;
    device.onRead = (name) => (name === 'DEVICE_STATUS' && reads++ < 5 ? 4 : undefined);
    await open(device);
    expect(reads).toBeGreaterThan(5);
    const stuck = new FakeVirtio();
    stuck.onRead = (name) => (name === 'DEVICE_STATUS' ? 4 : undefined);
    await expect(open(stuck)).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('status must be 0 after a reset, found 0x4 after 1000 ms'),
    });
    expect(stuck.log.slice(-2)).toEqual(['bus-master false', 'close']);
  });

  it('tells a device that is gone', async () => {
    const device = new FakeVirtio();
    device.onRead = (name) => (name === 'DEVICE_STATUS' ? 0xff : undefined);
    await expect(open(device)).rejects.toMatchObject({ code: 'ERR_DEVICE_GONE' });
    expect(device.log.at(-1)).toBe('close');
  });

  it('goes on, and warns, if the device refuses a mode or an address', async () => {
    const device = new FakeVirtio({ features: ['CTRL_VQ', 'CTRL_RX', 'CTRL_MAC_ADDR', 'STATUS'] });
    const warnings: string[] = [];
    device.answer = () => 1;
    const nic = await open(device, { logger: { info() {}, warn: (message) => warnings.push(message) } });
    const refused = (name: string) =>
      expect.stringContaining(`${device.address}: the device refused the command ${name}`);
    expect(warnings).toEqual(['PROMISCUOUS', 'ALL_MULTICAST', 'MAC_ADDRESS_SET'].map(refused));
    expect(() => nic.setPromiscuous(true)).toThrow('refused the command PROMISCUOUS');
  });

  it('does not go on with fewer queues than were asked for', async () => {
    const device = new FakeVirtio({ features: [...USUAL, 'MQ'], pairs: 2 });
    device.answer = () => 1;
    await expect(open(device, { rxQueues: 2 })).rejects.toThrow('refused the command QUEUE_PAIRS_SET');
  });

  it('gives everything back if it fails half-way', async () => {
    const device = new FakeVirtio();
    device.answer = () => undefined;
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('the command PROMISCUOUS is not answered'),
    });
    expect(device.log.slice(-5)).toEqual(['bus-master false', 'free', 'free', 'bus-master false', 'close']);
    expect(device.dma.mapped.size).toBe(0);
  });
});

describe('a device behind VFIO', () => {
  const behindVfio = (features: readonly FeatureName[]) => {
    const device = new FakeVirtio({ features });
    device.dma.translated = true;
    return device;
  };

  it('must translate addresses, or it would write anywhere', async () => {
    const device = behindVfio(USUAL);
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_DMA_UNMAPPED',
      message: expect.stringContaining('iommu_platform=on'),
    });
    expect(device.log.slice(-2)).toEqual(['bus-master false', 'close']);
    expect(device.log).not.toContain('bus-master true');
  });

  it('is used if it does', async () => {
    const device = behindVfio([...USUAL, 'ACCESS_PLATFORM']);
    await open(device);
    expect(accepted(device)).toContain('ACCESS_PLATFORM');
  });
});

describe('a device of which registers say anything', () => {
  it('is opened or refused with a typed error, and let go of, in bounded time', async () => {
    const wild = fc.oneof(fc.constantFrom(0, 1, 0xff, 0xffff, 0xffff_ffff, 0x8000), fc.nat(0xffff_ffff));
    const lies = fc.array(fc.tuple(fc.nat(120), wild), { maxLength: 6 });
    const kinds = fc.constantFrom('legacy' as const, 'transitional' as const, 'modern' as const);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(kinds, fc.boolean(), lies, async (kind, messages, answers) => {
        const interrupts = messages ? 'msix' : 'intx';
        const device = new FakeVirtio({ kind, features: [...USUAL, 'MQ', 'RING_PACKED'], pairs: 2, interrupts });
        const byRead = new Map(answers);
        let reads = 0;
        device.onRead = () => byRead.get(reads++);
        const nic = await open(device, { rxQueues: 2 }).catch((reason: unknown) => reason);
        if (nic instanceof IxyError) refused++;
        else (nic as VirtioNetDevice).close();
        expect(device.log.at(-1)).toBe('close');
        expect(device.dma.mapped.size).toBe(0);
        expect(device.now).toBeLessThan(10_000);
      }),
      { seed: 4, numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(20);
    expect(refused).toBeLessThan(280);
  });
});

describe('options', () => {
  test.each([
    [{ rxQueues: 0 }, 'rxQueues must be an integer from 1 to 256, found 0'],
    [{ txQueues: 2 }, 'rxQueues and txQueues must be at most 1, which the device has, found 2'],
    [{ rxRingSize: 500 }, 'rxRingSize must be a power of two, found 500; the next is 512'],
    [{ mtu: 9501 }, 'mtu must be an integer from 68 to 9500'],
    [{ mtu: 2027 }, 'mtu must be at most 2026, which the device takes, found 2027'],
    [{ ring: 'round' }, "ring must be 'split' or 'packed', found 'round'"],
    [{ without: ['EVENT_INDEX'] }, "unknown feature 'EVENT_INDEX'"],
    [{ receiveChecksum: 1 }, 'receiveChecksum must be a boolean'],
    [{ rxQueue: 2 }, "did you mean 'rxQueues'?"],
  ])('%o is refused', async (options, message) => {
    const device = new FakeVirtio();
    await expect(open(device, options as Partial<VirtioOptions>)).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining(message),
    });
    expect(device.log.at(-1)).toBe('close');
  });

  it('give rings as many descriptors as asked for, or as the device has', async () => {
    const device = new FakeVirtio();
    await open(device, { rxRingSize: 64, txRingSize: 1024 });
    expect(device.queues.slice(0, 2).map(({ size }) => size)).toEqual([64, 256]);
    const odd = new FakeVirtio({ queueSize: 100 });
    await open(odd);
    expect(odd.queues[0].size).toBe(64);
    const legacy = new FakeVirtio({ kind: 'legacy', queueSize: 128 });
    await open(legacy, { rxRingSize: 64 });
    expect(legacy.queues[0].size).toBe(128);
  });

  test.each([{ rxRingSize: 4 }, { txRingSize: 4 }])('make rings large enough for a frame: %o', async (sizes) => {
    const features: FeatureName[] = [...USUAL, 'MRG_RXBUF'];
    const message = expect.stringContaining('with mtu 9000 a frame takes 5 descriptors, found rings of 4');
    const asked = open(new FakeVirtio({ features }), { ...sizes, mtu: 9000 });
    await expect(asked).rejects.toMatchObject({ code: 'ERR_ARGUMENT', message });
    const given = open(new FakeVirtio({ features, queueSize: 4 }), { mtu: 9000 });
    await expect(given).rejects.toMatchObject({ code: 'ERR_DEVICE_UNSUPPORTED', message });
    await open(new FakeVirtio({ features }), { ...sizes, mtu: 8100 });
  });

  test.each([
    ['legacy' as const, 100],
    ['legacy' as const, 2],
    ['modern' as const, 3],
    ['modern' as const, 0],
  ])('cannot make up for queues of a %s device with %i descriptors', async (kind, queueSize) => {
    const message = `queue 0 must have 4 to 32768 descriptors, a power of two, found ${queueSize}`;
    await expect(open(new FakeVirtio({ kind, queueSize }))).rejects.toThrow(message);
  });

  it('have an MTU that the device accepts', async () => {
    const device = new FakeVirtio({ features: [...USUAL, 'MTU'] });
    device.net.setUint16(10, 1400, true);
    const nic = await open(device);
    expect([nic.mtu, nic.capabilities.maxMtu]).toEqual([1400, 1400]);
    await expect(open(new FakeVirtio({ features: [...USUAL, 'MTU'] }), { mtu: 1501 })).rejects.toThrow('at most 1500');
    const larger = new FakeVirtio({ features: [...USUAL, 'MTU', 'MRG_RXBUF'] });
    larger.net.setUint16(10, 9000, true);
    expect((await open(larger)).capabilities.maxMtu).toBe(9000);
    expect(accepted(larger)).not.toContain('MTU'); // which would promise buffers of that size
  });

  it.each([0, 20, 67])('have the usual MTU where the device tells of %i, which none may', async (told) => {
    const device = new FakeVirtio({ features: [...USUAL, 'MTU'] });
    device.net.setUint16(10, told, true);
    const nic = await open(device);
    expect([nic.mtu, nic.capabilities.maxMtu]).toEqual([1500, 2026]);
    const largest = new FakeVirtio({ features: [...USUAL, 'MTU'] });
    largest.net.setUint16(10, told, true);
    await open(largest, { mtu: 2026 });
    expect([...accepted(device), ...accepted(largest)]).not.toContain('MTU');
  });

  it('receive into a pool of the caller, which stays the caller’s', async () => {
    const device = new FakeVirtio();
    const pool = new PacketPool(allocatePlainMemory(PacketPool.memorySize(1024, 2 ** 21)));
    const nic = await open(device, { pool });
    expect(nic.rx[0].pool).toBe(pool);
    expect(pool.available).toBeLessThan(pool.capacity);
    nic.close();
    expect(pool.available).toBe(pool.capacity);
  });

  it('make pairs of queues', async () => {
    const device = new FakeVirtio({ features: [...USUAL, 'MQ'], pairs: 4 });
    const nic = await open(device, { rxQueues: 1, txQueues: 3 });
    expect([nic.rx.length, nic.tx.length]).toEqual([3, 3]);
    expect(device.queues.map(({ enabled }) => enabled)).toEqual([...new Array(6).fill(true), false, false, true]);
    expect(device.commands[0]).toEqual({ code: [4, 0], data: [[3, 0]] });
    expect(nic.capabilities).toMatchObject({ maxRxQueues: 4, maxTxQueues: 4 });
  });

  it('put the control queue where the device said first, though it says something else later', async () => {
    const device = new FakeVirtio({ features: [...USUAL, 'MQ'], pairs: 4 });
    let reads = 0;
    const told = device.net.getUint16.bind(device.net);
    device.net.getUint16 = (at, little) => (at === 8 && reads++ > 0 ? 1 : told(at, little));
    await open(device, { rxQueues: 2 });
    expect(device.log.filter((entry) => entry.startsWith('queue'))).toContain('queue 8');
  });
});
