import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { FeatureName } from '../../../src/datasheet/virtio/features.ts';
import { IxyError } from '../../../src/errors.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { FakeVirtio, USUAL } from './fake-device.ts';
import type { FakeSplitQueue } from './fake-queue.ts';
import { open } from './open-fake.ts';

/** Puts a frame of `length` bytes into the next receive buffer, header first. */
function deliver(device: FakeVirtio, length: number, queue = 0): void {
  const ring = device.ring(queue);
  const buffer = ring.take();
  if (!buffer) throw new Error('there is no buffer');
  const { bytes } = buffer.parts[0];
  bytes.setUint16(10, 1, true);
  for (let i = 12; i < 12 + length; i++) bytes.setUint8(i, i);
  ring.use(buffer, 12 + length);
}

describe.each(['split', 'packed'] as const)('packets over %s rings', (ring) => {
  const features: FeatureName[] = ['MAC', 'RING_PACKED'];

  it('come and go, and are counted', async () => {
    const device = new FakeVirtio({ features });
    const nic = await open(device, { ring });
    deliver(device, 60);
    deliver(device, 100);
    const batch = new PacketBatch(8);
    expect(nic.rx[0].receive(batch)).toBe(2);
    expect([batch.bytesIn(0), batch.bytesIn(1)]).toEqual([60, 100]);
    expect(nic.tx[0].transmit(batch)).toBe(2);
    expect(device.log.at(-1)).toBe('notify 1');
    const sent = device.ring(1).take();
    expect(sent?.parts[0].bytes.byteLength).toBe(72);
    expect(nic.statistics()).toMatchObject({ rxPackets: 2, rxBytes: 160, txPackets: 2, txBytes: 160, rxDropped: 0 });
    expect(nic.counters()).toMatchObject({ 'rx[0].packets': 2, 'tx[0].bytes': 160, 'tx[0].dropped': 0 });
  });

  it('that the device has not sent when it is closed were dropped', async () => {
    const device = new FakeVirtio({ features });
    const nic = await open(device, { ring });
    for (const length of [60, 61, 62]) deliver(device, length);
    const batch = new PacketBatch(8);
    nic.rx[0].receive(batch);
    expect(nic.tx[0].transmit(batch)).toBe(3);
    const buffer = device.ring(1).take();
    if (buffer) device.ring(1).use(buffer, 0);
    expect(nic.tx[0].pending()).toBe(2);
    nic.close();
    expect(nic.statistics()).toMatchObject({ txPackets: 1, txBytes: 60, txDropped: 2 });
    expect(nic.tx[0].pending()).toBe(0);
  });

  it('end when the device breaks the rules: an event tells, nothing moves, closing works', async () => {
    const device = new FakeVirtio({ features });
    const nic = await open(device, { ring });
    const failed = once(nic, 'failed');
    const buffer = device.ring(0).take();
    if (buffer) device.ring(0).use(buffer, 72, 40_000);
    const batch = new PacketBatch(8);
    expect(nic.rx[0].receive(batch)).toBe(0);
    const [error] = await failed;
    expect(error).toMatchObject({ code: 'ERR_DEVICE_FAILED' });
    expect(error.message).toMatch(/^0000:00:03\.0: rx\[0]: the device .*40000.*close it, and open it again$/);
    batch.allocate(nic.rx[0].pool, 1);
    expect(nic.tx[0].transmit(batch)).toBe(0);
    batch.free();
    expect(nic.link().up).toBe(false);
    expect(() => nic.setPromiscuous(true)).toThrow(error);
    nic.close();
    expect(device.log.slice(-4)).toEqual(['free', 'free', 'bus-master false', 'close']);
  });
});

describe('commands', () => {
  const features: FeatureName[] = [...USUAL, 'CTRL_VLAN', 'RING_PACKED'];

  describe.each(['split', 'packed'] as const)('over %s rings', (ring) => {
    it('set filters, more of them than the ring has descriptors', async () => {
      const device = new FakeVirtio({ features });
      const nic = await open(device, { ring, vlanFilter: true });
      expect(device.commands).toEqual([
        { code: [0, 0], data: [[0]] },
        { code: [0, 1], data: [[0]] },
      ]);
      device.commands.length = 0;
      nic.setPromiscuous(true);
      nic.setAllMulticast(true);
      nic.setMac('52-54-00-AA-BB-CC');
      nic.setMacFilter({ unicast: ['02:00:00:00:00:01'], multicast: [] });
      nic.addVlan(4095);
      nic.removeVlan(5);
      const table = [1, 0, 0, 0, 2, 0, 0, 0, 0, 1];
      expect(device.commands).toEqual([
        { code: [0, 0], data: [[1]] },
        { code: [0, 1], data: [[1]] },
        { code: [1, 1], data: [[0x52, 0x54, 0, 0xaa, 0xbb, 0xcc]] },
        { code: [1, 0], data: [table, [0, 0, 0, 0]] },
        { code: [2, 0], data: [[255, 15]] },
        { code: [2, 1], data: [[5, 0]] },
      ]);
      expect(nic.mac).toBe('52:54:00:aa:bb:cc');
      for (let id = 0; id < 300; id++) nic.addVlan(id);
      expect(device.commands.length).toBe(306);
      expect(device.ring(2).interrupting).toBe(false);
    });

    it('have a timeout, after which the device must be reset', async () => {
      const device = new FakeVirtio({ features });
      const nic = await open(device, { ring });
      device.answer = () => undefined;
      const begin = device.now;
      expect(() => nic.setPromiscuous(true)).toThrow(expect.objectContaining({ code: 'ERR_TIMEOUT' }));
      expect(device.now - begin).toBeCloseTo(1000, 0);
      device.answer = () => 0;
      expect(() => nic.setPromiscuous(true)).toThrow('is not answered');
      expect(device.commands.length).toBe(3);
    });

    it('tell that the device is gone', async () => {
      const device = new FakeVirtio({ features });
      const nic = await open(device, { ring });
      device.answer = () => undefined;
      device.onRead = () => 0xff;
      expect(() => nic.setPromiscuous(true)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE' }));
    });
  });

  it('are refused with a word on it', async () => {
    const device = new FakeVirtio();
    const nic = await open(device);
    device.answer = () => 1;
    expect(() => nic.setMac('52:54:00:00:00:01')).toThrow('refused the command MAC_ADDRESS_SET (acknowledgement 1');
    device.answer = () => 0;
    nic.setMac('52:54:00:00:00:01');
    expect(nic.mac).toBe('52:54:00:00:00:01');
  });

  it.each([
    ['01:00:00:00:00:01', "a station's MAC address is neither zero nor multicast"],
    ['nonsense', 'a MAC address looks like'],
  ])('do not get as far as the device with %s', async (mac, message) => {
    const device = new FakeVirtio();
    const nic = await open(device);
    expect(() => nic.setMac(mac)).toThrow(message);
    expect(device.commands.length).toBe(2);
  });

  it('check lists of addresses and VLANs', async () => {
    const nic = await open(new FakeVirtio({ features }), { vlanFilter: true });
    expect(() => nic.setMacFilter({ unicast: ['01:00:00:00:00:01'] })).toThrow('is no unicast address');
    expect(() => nic.setMacFilter({ multicast: ['02:00:00:00:00:01'] })).toThrow('is no multicast address');
    nic.setMacFilter({ multicast: new Array(510).fill('ff:ff:ff:ff:ff:ff') });
    expect(() => nic.setMacFilter({ multicast: new Array(511).fill('ff:ff:ff:ff:ff:ff') })).toThrow('from 0 to 510');
    expect(() => nic.addVlan(4096)).toThrow('VLAN id must be an integer from 0 to 4095');
  });

  it('that the device does not know are none, or an error', async () => {
    const device = new FakeVirtio({ features: ['MAC'] });
    const nic = await open(device);
    nic.setPromiscuous(false);
    nic.setAllMulticast(true);
    const unsupported = expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED' });
    expect(() => nic.setMac('52:54:00:00:00:01')).toThrow(unsupported);
    expect(() => nic.setMacFilter({})).toThrow(unsupported);
    expect(() => nic.addVlan(1)).toThrow('CTRL_VLAN (and the option vlanFilter)');
    expect(nic.mac).toBe('52:54:00:12:34:56');
  });

  it('are not needed for the MAC address of a legacy device', async () => {
    const device = new FakeVirtio({ kind: 'legacy', features: ['MAC'], interrupts: 'msix' });
    const nic = await open(device);
    nic.setMac('52:54:00:00:00:01');
    expect([...new Uint8Array(device.net.buffer, 0, 6)]).toEqual([0x52, 0x54, 0, 0, 0, 1]);
  });

  it('end in a typed error if the device uses what it was not given', async () => {
    const device = new FakeVirtio();
    const nic = await open(device);
    device.answer = () => {
      (device.ring(2) as FakeSplitQueue).jump(5);
      return undefined;
    };
    expect(() => nic.setPromiscuous(true)).toThrow('control queue used 5 buffers where there was one');
    nic.close();
  });
});

describe('the link', () => {
  it('is what the device says', async () => {
    const device = new FakeVirtio({ features: [...USUAL, 'SPEED_DUPLEX'] });
    const nic = await open(device);
    expect(nic.link()).toEqual({ up: true, speed: 10_000, fullDuplex: true });
    expect(nic.capabilities.speeds).toEqual([10_000]);
    device.net.setUint32(12, 0xffff_ffff, true);
    device.net.setUint8(16, 0xff);
    expect(nic.link()).toEqual({ up: true, speed: 0, fullDuplex: true });
    device.net.setUint16(6, 0, true);
    expect(nic.link()).toEqual({ up: false, speed: 0, fullDuplex: false });
    await expect(nic.waitForLink(50)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('is looked at when the configuration changes', async () => {
    const device = new FakeVirtio({ features: [...USUAL, 'GUEST_ANNOUNCE'], interrupts: 'msix' });
    const nic = await open(device);
    expect(await once(nic, 'link')).toMatchObject([{ up: true }]);
    device.net.setUint16(6, 0, true);
    device.interrupts?.lines[1].fire();
    expect(await once(nic, 'link')).toMatchObject([{ up: false }]);
    device.net.setUint16(6, 3, true);
    device.interrupts?.lines[1].fire();
    expect(await once(nic, 'link')).toMatchObject([{ up: true }]);
    expect(device.commands.at(-1)).toEqual({ code: [3, 0], data: [] });
  });

  it('is looked at now and then without interrupts', async () => {
    const device = new FakeVirtio();
    const nic = await open(device, { linkPollInterval: 1 });
    expect(await once(nic, 'link')).toMatchObject([{ up: true }]);
    device.net.setUint16(6, 0, true);
    expect(await once(nic, 'link')).toMatchObject([{ up: false }]);
  });
});

describe('a device', () => {
  it('that needs a reset, fails', async () => {
    const device = new FakeVirtio({ interrupts: 'intx' });
    const nic = await open(device);
    await once(nic, 'link');
    device.status |= 64;
    device.isr = 2;
    device.interrupts?.lines[0].fire();
    const [error] = await once(nic, 'failed');
    expect(error).toBeInstanceOf(IxyError);
    expect(error.message).toContain('DEVICE_NEEDS_RESET');
    expect(nic.rx[0].interrupt?.arm()).toBe(false);
    await expect(nic.waitForLink()).rejects.toBe(error);
  });

  it('that is gone, is removed', async () => {
    const device = new FakeVirtio();
    const nic = await open(device);
    device.onRead = () => 0xffff_ffff & 0xff;
    expect(nic.link().up).toBe(false);
    expect(await once(nic, 'removed')).toMatchObject([{ code: 'ERR_DEVICE_GONE' }]);
    nic.close();
    expect(device.dma.mapped.size).toBe(0);
  });

  it('shows its registers by name', async () => {
    const nic = await open(new FakeVirtio({ interrupts: 'msix' }));
    expect(nic.registers()).toMatchObject({ NUM_QUEUES: 3, DEVICE_STATUS: 15, 'QUEUE_SIZE[2]': 16, 'MAC[0]': 0x52 });
    const legacy = await open(new FakeVirtio({ kind: 'legacy', interrupts: 'msix' }));
    expect(legacy.registers()).toMatchObject({
      DEVICE_STATUS: 7,
      CONFIG_MSIX_VECTOR: 1,
      'QUEUE_SIZE[0]': 256,
      STATUS: 1,
    });
  });

  it('is reset before its memory goes, and closed once', async () => {
    const device = new FakeVirtio({ interrupts: 'msix' });
    const nic = await open(device);
    device.log.length = 0;
    const closed = once(nic, 'closed');
    nic.close();
    nic.close();
    await closed;
    const end = ['free', 'free', 'interrupts false', 'bus-master false', 'close'];
    expect(device.log).toEqual(['status 0', 'interrupts false', 'bus-master false', ...end]);
    expect(() => nic.registers()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(nic.statistics().rxPackets).toBe(0);
  });

  it('has a moment to send what it was given, before it is reset', async () => {
    const device = new FakeVirtio();
    const nic = await open(device);
    const batch = new PacketBatch(2);
    batch.allocate(nic.rx[0].pool, 2);
    for (const packet of batch.packets) nic.rx[0].pool.length[packet] = 60;
    expect(nic.tx[0].transmit(batch)).toBe(2);
    const sent: string[] = [];
    const { pause } = device.clock;
    Object.assign(device.clock, {
      pause: (milliseconds: number) => {
        pause(milliseconds);
        const buffer = device.ring(1).take();
        if (!buffer) return;
        device.ring(1).use(buffer, 0);
        sent.push(device.log.at(-1) ?? '');
      },
    });
    nic.close();
    expect(sent).toEqual(['notify 1', 'notify 1']);
    expect(device.now).toBeLessThan(20);
  });

  it('that sends nothing, is not waited for much longer', async () => {
    const device = new FakeVirtio();
    const nic = await open(device);
    const batch = new PacketBatch(1);
    batch.allocate(nic.rx[0].pool, 1);
    nic.rx[0].pool.length[batch.packets[0]] = 60;
    nic.tx[0].transmit(batch);
    const begin = device.now;
    nic.close();
    expect(device.now - begin).toBeCloseTo(20, 0);
  });

  it('that does not reset itself, is closed all the same', async () => {
    const device = new FakeVirtio();
    const warnings: string[] = [];
    const nic = await open(device, { logger: { info: () => {}, warn: (message) => void warnings.push(message) } });
    device.onRead = (name) => (name === 'DEVICE_STATUS' ? 15 : undefined);
    nic.close();
    expect(device.log.at(-1)).toBe('close');
    expect(warnings).toEqual([expect.stringContaining('status must be 0 after a reset')]);
  });
});

describe('the configuration', () => {
  it('is read again if it changed meanwhile, but not for ever', async () => {
    const device = new FakeVirtio();
    let changes = 3;
    device.onRead = (name) => (name === 'CONFIG_GENERATION' && changes-- > 0 ? changes : undefined);
    expect((await open(device)).mac).toBe('52:54:00:12:34:56');
    const restless = new FakeVirtio();
    restless.onRead = (name) => (name === 'CONFIG_GENERATION' ? restless.generation++ & 0xff : undefined);
    await expect(open(restless)).rejects.toMatchObject({ code: 'ERR_DEVICE_FAILED' });
    expect(restless.log.at(-1)).toBe('close');
  });
});

describe('a call for an announcement that the device will not have acknowledged', () => {
  it.each([undefined, 1])('is told once, until the device withdraws it: answer %s', async (answer) => {
    const device = new FakeVirtio({ features: [...USUAL, 'GUEST_ANNOUNCE'] });
    const warnings: string[] = [];
    const nic = await open(device, { logger: { info() {}, warn: (message) => warnings.push(message) } });
    nic.checkLink();
    let links = 0;
    nic.on('link', () => links++);
    device.answer = () => answer;
    device.net.setUint16(6, 3, true);
    for (let looks = 0; looks < 5; looks++) nic.checkLink();
    expect([links, warnings.length]).toEqual([1, 1]);
    expect(warnings[0].split(device.address)).toHaveLength(2);
    device.net.setUint16(6, 1, true);
    nic.checkLink();
    device.net.setUint16(6, 3, true);
    nic.checkLink();
    expect(links).toBe(2);
  });
});
