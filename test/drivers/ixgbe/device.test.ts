import { afterEach, describe, expect, test, vi } from 'vitest';
import { type IxgbeRegister, ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { type IxgbeDevice, type IxgbeOptions, openIxgbe } from '../../../src/drivers/ixgbe/index.ts';
import type { LinkState } from '../../../src/drivers/net-device.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { FakeDevice } from './fake-device.ts';

const LINK_10G = 0x7000_0000;
const LINK_1G = 0x6000_0000;
const LINK_100M = 0x5000_0000;

const opened: IxgbeDevice[] = [];

async function open(device: FakeDevice, options: Partial<IxgbeOptions> = {}): Promise<IxgbeDevice> {
  const nic = await openIxgbe(device, { allocateMemory: device.allocateMemory, linkPollInterval: 0, ...options });
  opened.push(nic);
  return nic;
}

/** Makes every register read as all ones, as a removed device's do. */
function remove(device: FakeDevice): void {
  device.onRead = () => 0xffff_ffff;
}

afterEach(() => {
  for (const nic of opened.splice(0)) nic.close();
});

describe('MAC address', () => {
  test('comes from receive address 0', async () => {
    expect((await open(new FakeDevice())).mac).toBe('90:1b:00:02:04:05');
  });

  test('is written with AV kept, while reception is halted', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    device.log.length = 0;
    nic.setMac('02:AA:bb:cc:dd:ee');
    expect(nic.mac).toBe('02:aa:bb:cc:dd:ee');
    expect(device.peek('RAL')).toBe(0xccbbaa02);
    expect(device.peek('RAH')).toBe(0x8000eedd);
    const written = device.position('RAL[0]');
    expect(device.position('RXCTRL', (value) => (value & 1) === 0)).toBeLessThan(written);
    expect(device.peek('RXCTRL') & 1).toBe(1);
    expect(device.peek('SECRXCTRL') & 2).toBe(0);
  });

  test.each(['01:00:5e:00:00:01', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '02:00:00', '', '02:00:00:00:00:zz'])(
    "'%s' is refused",
    async (mac) => {
      const nic = await open(new FakeDevice());
      expect(() => nic.setMac(mac)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
      expect(nic.mac).toBe('90:1b:00:02:04:05');
    },
  );
});

describe('promiscuous and all-multicast', () => {
  const modes = (device: FakeDevice) => {
    const { UPE, MPE, BAM } = ixgbe.FCTRL.bits;
    const value = device.peek('FCTRL');
    return {
      unicast: (value & UPE.mask) !== 0,
      multicast: (value & MPE.mask) !== 0,
      broadcast: (value & BAM.mask) !== 0,
    };
  };

  test('switch UPE and MPE, and neither forgets the other', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    expect(modes(device)).toEqual({ unicast: false, multicast: false, broadcast: true });
    nic.setAllMulticast(true);
    expect(modes(device)).toEqual({ unicast: false, multicast: true, broadcast: true });
    nic.setPromiscuous(true);
    nic.setAllMulticast(false);
    expect(modes(device)).toEqual({ unicast: true, multicast: true, broadcast: true });
    nic.setPromiscuous(false);
    expect(modes(device)).toEqual({ unicast: false, multicast: false, broadcast: true });
  });

  test('can be asked for at once', async () => {
    const device = new FakeDevice();
    await open(device, { promiscuous: true });
    expect(modes(device)).toMatchObject({ unicast: true, multicast: true });
  });
});

describe('link', () => {
  test.each([
    [0x10fb, LINK_10G, 10_000],
    [0x10fb, LINK_1G, 1000],
    [0x10fb, LINK_100M, 100],
    [0x1563, LINK_10G | 0x0800_0000, 2500],
    [0x1563, LINK_100M | 0x0800_0000, 5000],
  ])('of device %i with LINKS %i runs at %i Mbit/s', async (deviceId, links, speed) => {
    const device = new FakeDevice(deviceId);
    const nic = await open(device);
    expect(nic.link()).toEqual({ up: false, speed: 0, fullDuplex: false });
    device.poke('LINKS', links);
    expect(nic.link()).toEqual({ up: true, speed, fullDuplex: true });
  });

  test('changes are told once each', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    const seen: LinkState[] = [];
    nic.on('link', (link) => seen.push(link));
    for (const links of [0, LINK_10G, LINK_10G, LINK_1G, 0, 0]) {
      device.poke('LINKS', links);
      nic.checkLink();
    }
    expect(seen.map(({ speed }) => speed)).toEqual([10_000, 1000, 0]);
  });

  test('is looked at by itself', async () => {
    vi.useFakeTimers();
    try {
      const device = new FakeDevice();
      const nic = await open(device, { linkPollInterval: 100 });
      const seen: LinkState[] = [];
      nic.on('link', (link) => seen.push(link));
      device.poke('LINKS', LINK_10G);
      vi.advanceTimersByTime(100);
      expect(seen.length).toBe(1);
      nic.close();
      device.poke('LINKS', 0);
      vi.advanceTimersByTime(1000);
      expect(seen.length).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test('can be waited for, as long as the device’s clock says', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    const begin = device.now;
    device.onRead = (name) => (name === 'LINKS' && device.now - begin >= 700 ? LINK_10G : undefined);
    expect(await nic.waitForLink()).toMatchObject({ up: true, speed: 10_000 });
    device.onRead = () => undefined;
    const waited = device.now;
    await expect(nic.waitForLink(2500)).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('still down after 2500 ms'),
    });
    expect(device.now - waited).toBeGreaterThanOrEqual(2500);
  });
});

describe('statistics', () => {
  const add = (device: FakeDevice, values: Partial<Record<IxgbeRegister, number>>) => {
    for (const [name, value] of Object.entries(values)) device.poke(name as IxgbeRegister, value);
  };

  test('start at zero, whatever the counters held before', async () => {
    const device = new FakeDevice();
    let first = true;
    device.onRead = (name) => {
      if (name !== 'GPTC' || !first) return undefined;
      first = false;
      return 77;
    };
    const nic = await open(device);
    expect(first).toBe(false);
    expect(nic.counters().GPTC).toBe(0);
  });

  test('add up what reading clears, beyond 32 bits', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    for (let i = 0; i < 3; i++) {
      add(device, { GPTC: 0xffff_ffff });
      nic.counters();
    }
    expect(nic.counters().GPTC).toBe(3 * 0xffff_ffff);
  });

  test('join 36-bit pairs, low half first', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    const reads: string[] = [];
    device.onRead = (name) => {
      if (name.startsWith('GORC')) reads.push(name);
      return undefined;
    };
    add(device, { GORCL: 5, GORCH: 0xf });
    expect(nic.counters().GORC).toBe(0xf * 2 ** 32 + 5);
    expect(reads).toEqual(['GORCL', 'GORCH']);
    add(device, { GORCL: 0xffff_ffff, GORCH: 0xfff0 }); // beyond bit 35 there is nothing
    expect(nic.counters().GORC).toBe(0xf * 2 ** 32 + 5 + 0xffff_ffff);
  });

  test('name arrays by index', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    device.poke('MPC', 3, 7);
    device.poke('QBTC_H', 1, 15);
    const counters = nic.counters();
    expect(counters['MPC[7]']).toBe(3);
    expect(counters['QBTC[15]']).toBe(2 ** 32);
    expect(counters['rx[0].badFrames']).toBe(0);
    expect(Object.keys(counters).length).toBeGreaterThan(190);
  });

  test('are taken up in the background, all within ten seconds', async () => {
    vi.useFakeTimers();
    try {
      const device = new FakeDevice();
      const nic = await open(device);
      for (const [name, register] of Object.entries(ixgbe)) {
        if (register.counter) for (let i = 0; i < register.length; i++) device.poke(name as IxgbeRegister, 9, i);
      }
      vi.advanceTimersByTime(10_000);
      for (const [name, register] of Object.entries(ixgbe)) {
        if (register.counter) expect(device.peek(name as IxgbeRegister), name).toBe(0);
      }
      expect(nic.counters().TPR).toBe(9);
    } finally {
      vi.useRealTimers();
    }
  });

  test('summarise', async () => {
    const device = new FakeDevice();
    const nic = await open(device, { rxQueues: 2 });
    device.poke('QPRC', 10, 0);
    device.poke('QPRC', 20, 1);
    device.poke('QBRC_L', 640, 0);
    device.poke('QPRDC', 4, 1);
    add(device, { MPC: 1, RUC: 2, ROC: 3, GPTC: 6, GOTCL: 6 * 64, CRCERRS: 5, RFC: 1, RLEC: 1, ILLERRC: 1 });
    expect(nic.statistics()).toEqual({
      rxPackets: 30,
      rxBytes: 640,
      txPackets: 6,
      txBytes: 6 * 60,
      rxDropped: 10,
      rxErrors: 8,
      txDropped: 0,
      txErrors: 0,
    });
  });

  test('stay after close', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    add(device, { GPTC: 6 });
    nic.close();
    expect(nic.statistics().txPackets).toBe(6);
    expect(nic.counters().GPTC).toBe(6);
  });
});

describe('register dump', () => {
  test('names everything readable, keeps counting, and gives the semaphore back', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    device.poke('GPTC', 12);
    const registers = nic.registers();
    expect(registers).toMatchObject({ GPTC: 12, 'RDLEN[0]': 8192, 'RDLEN[127]': 0 });
    expect(registers).not.toHaveProperty('EIMC');
    expect(nic.counters().GPTC).toBe(12);
    expect(device.peek('SWSM') & ixgbe.SWSM.bits.SMBI.mask).toBe(0);
  });
});

describe('close', () => {
  test('stops queues, paths and DMA in the datasheet’s order, then releases', async () => {
    const device = new FakeDevice();
    const nic = await open(device, { rxQueues: 2, txQueues: 2 });
    device.log.length = 0;
    let closed = 0;
    nic.on('closed', () => closed++);
    nic.close();
    nic.close();
    expect(closed).toBe(1);
    const order = [
      device.position('RXDCTL[0]', (value) => (value & (1 << 25)) === 0),
      device.position('RXDCTL[1]', (value) => (value & (1 << 25)) === 0),
      device.position('RXCTRL', (value) => (value & 1) === 0),
      device.position('TXDCTL[0]', (value) => (value & (1 << 25)) === 0),
      device.position('TXDCTL[1]', (value) => (value & (1 << 25)) === 0),
      device.position('DMATXCTL', (value) => (value & 1) === 0),
      device.position('CTRL', (value) => (value & 4) !== 0),
      device.position('bus-master', (value) => value === 0),
      device.position('unmap'),
      device.position('free'),
      device.position('close'),
    ];
    expect(order).not.toContain(-1);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(device.writesTo('unmap').length).toBe(device.writesTo('free').length);
  });

  test('is bounded, and turns DMA off, though nothing stops', async () => {
    const device = new FakeDevice();
    const warnings: string[] = [];
    const nic = await open(device, { logger: { info() {}, warn: (message) => warnings.push(message) } });
    device.onRead = (name) => (name === 'RXDCTL[0]' || name === 'TXDCTL[0]' ? 1 << 25 : undefined);
    device.stuck.set('STATUS', 0);
    device.poke('TDT', 5);
    const begin = device.now;
    nic.close();
    expect(device.now - begin).toBeLessThan(200);
    expect(device.writesTo('bus-master').at(-1)).toBe(0);
    expect(device.closed).toBe(true);
    expect(warnings.join('\n')).toContain('RXDCTL[0].ENABLE is still 1');
    expect(warnings.join('\n')).toContain('STATUS.MASTER_ENABLE is still 1');
  });

  test('refuses what needs a device, and reports the link down', async () => {
    const nic = await open(new FakeDevice());
    nic.close();
    expect(nic.link().up).toBe(false);
    expect(() => nic.setPromiscuous(true)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(() => nic.registers()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    await expect(nic.waitForLink()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(nic.rx[0].receive(new PacketBatch(8, nic.rx[0].pool))).toBe(0);
  });
});

describe('surprise removal', () => {
  test('is told once, and everything that reads goes on with what it knows', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    device.poke('GPTC', 3);
    expect(nic.statistics().txPackets).toBe(3);
    const removed: Error[] = [];
    nic.on('removed', (error) => removed.push(error));
    remove(device);
    expect(nic.link().up).toBe(false);
    expect(nic.checkLink().up).toBe(false);
    expect(nic.statistics().txPackets).toBe(3);
    expect(nic.counters().GPTC).toBe(3);
    expect(nic.rx[0].receive(new PacketBatch(8, nic.rx[0].pool))).toBe(0);
    expect(() => nic.setMac('02:00:00:00:00:01')).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE' }));
    await Promise.resolve();
    expect(removed).toMatchObject([{ code: 'ERR_DEVICE_GONE' }]);
  });

  test('does not keep close() from releasing', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    remove(device);
    const begin = device.now;
    nic.close();
    expect(device.now - begin).toBeLessThan(1);
    expect(device.writesTo('free').length).toBe(2);
    expect(device.closed).toBe(true);
  });

  test('is not suspected because one register happens to be all ones', async () => {
    const device = new FakeDevice();
    const nic = await open(device);
    device.poke('TPR', 0xffff_ffff);
    expect(nic.counters().TPR).toBe(0xffff_ffff);
  });
});
