import { afterEach, describe, expect, test } from 'vitest';
import { type IxgbeRegister, ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { extract, type Register } from '../../../src/datasheet/registers.ts';
import { type IxgbeDevice, type IxgbeOptions, openIxgbe } from '../../../src/drivers/ixgbe/index.ts';
import { PacketPool } from '../../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { FakeDevice } from './fake-device.ts';

const opened: IxgbeDevice[] = [];

async function open(device: FakeDevice, options: Partial<IxgbeOptions> = {}): Promise<IxgbeDevice> {
  const nic = await openIxgbe(device, { allocateMemory: device.allocateMemory, linkPollInterval: 0, ...options });
  opened.push(nic);
  return nic;
}

function field(device: FakeDevice, name: IxgbeRegister, fieldName: string, index = 0): number {
  const register: Register = ixgbe[name];
  return extract((register.bits as Record<string, Register['bits'][never]>)[fieldName], device.peek(name, index));
}

const has = (name: IxgbeRegister, fieldName: string) => (value: number) => {
  const register: Register = ixgbe[name];
  return extract((register.bits as Record<string, Register['bits'][never]>)[fieldName], value) === 1;
};

afterEach(() => {
  for (const nic of opened.splice(0)) nic.close();
});

describe('which devices are opened', () => {
  test.each([
    [0x10ed, 0x8086, 'virtual function'],
    [0x10c6, 0x8086, '82598'],
    [0x1234, 0x8086, 'no device that the ixgbe driver knows'],
    [0x10fb, 0x1af4, '1af4:10fb'],
  ])('refuses %i of vendor %i with the reason, and lets go of it', async (deviceId, vendorId, reason) => {
    const device = new FakeDevice(deviceId, vendorId);
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: expect.stringContaining(reason),
    });
    expect(device.log).toEqual([{ name: 'close', value: 0 }]);
  });

  test('describes the model', async () => {
    const nic = await open(new FakeDevice());
    expect(nic).toMatchObject({
      driver: 'ixgbe',
      name: '0000:03:00.0',
      description: 'Intel 82599ES 10-Gigabit SFI/SFP+',
    });
    expect(nic.capabilities).toMatchObject({ maxRxQueues: 64, maxMtu: 9500, speeds: [10000] });
  });
});

describe('options', () => {
  test.each([
    [{ rxQueues: 0 }, 'rxQueues must be an integer from 1 to 64, found 0'],
    [{ txQueues: 65 }, 'txQueues'],
    [{ rxRingSize: 500 }, 'rxRingSize must be a power of two, found 500; the next is 512'],
    [{ txRingSize: 8192 }, 'txRingSize must be an integer from 64 to 4096'],
    [{ mtu: 9501 }, 'mtu'],
    [{ mtu: 67 }, 'mtu'],
    [{ linkPollInterval: -1 }, 'linkPollInterval'],
    [{ promiscuous: 'yes' }, 'promiscuous must be a boolean, found yes'],
    [{ allocateMemory: 4096 }, 'allocateMemory must be a function'],
    [{ rxQueue: 2 }, "did you mean 'rxQueues'?"],
  ])('%o is refused', async (options, message) => {
    const device = new FakeDevice();
    await expect(open(device, options as Partial<IxgbeOptions>)).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining(message),
    });
    expect(device.closed).toBe(true);
  });

  test('set up as many queues and descriptors as asked for', async () => {
    const device = new FakeDevice();
    const nic = await open(device, { rxQueues: 64, txQueues: 3, rxRingSize: 64, txRingSize: 128 });
    expect([nic.rx.length, nic.tx.length]).toEqual([64, 3]);
    expect(device.peek('RDLEN', 63)).toBe(64 * 16);
    expect(device.peek('TDLEN', 2)).toBe(128 * 16);
    expect(field(device, 'RXDCTL', 'ENABLE', 63)).toBe(1);
    expect(field(device, 'TXDCTL', 'ENABLE', 2)).toBe(1);
    expect(field(device, 'TXDCTL', 'ENABLE', 3)).toBe(0);
  });

  test('receive into a pool of the caller, which stays the caller’s', async () => {
    const device = new FakeDevice();
    const pool = new PacketPool(allocatePlainMemory(PacketPool.memorySize(1024, 2 ** 21)));
    const nic = await open(device, { pool });
    expect(nic.rx[0].pool).toBe(pool);
    expect(pool.available).toBeLessThan(pool.capacity);
    nic.close();
    expect(pool.available).toBe(pool.capacity);
    expect(pool.allocate()).toBeGreaterThanOrEqual(0);
  });
});

describe('initialisation (82599 datasheet 4.6.3)', () => {
  test('masks interrupts before and after the reset, and resets only once masters are disabled', async () => {
    const device = new FakeDevice();
    await open(device);
    const reset = device.position('CTRL', has('CTRL', 'RST'));
    expect(device.position('EIMC')).toBe(0);
    expect(device.position('CTRL', has('CTRL', 'MASTER_DISABLE'))).toBeLessThan(reset);
    expect(device.log.slice(reset).some(({ name }) => name === 'EIMC')).toBe(true);
    expect(device.writesTo('EIMC')).toEqual([0x7fffffff, 0x7fffffff]);
    expect(device.writesTo('EIMC_EXT[1]')).toEqual([0xffffffff, 0xffffffff]);
  });

  test('resets twice, after flushing the data path, if requests are stuck', async () => {
    const device = new FakeDevice();
    device.stuck.set('STATUS', 0);
    await open(device);
    const resets = device.writesTo('CTRL').filter(has('CTRL', 'RST'));
    expect(resets.length).toBe(2);
    const flush = device.position('GCR_EXT', has('GCR_EXT', 'BUFFERS_CLEAR_FUNC'));
    expect(flush).toBeGreaterThan(device.position('HLREG0', has('HLREG0', 'LPBK')));
    expect(flush).toBeLessThan(device.position('CTRL', has('CTRL', 'RST')));
  });

  test('lets the device do DMA only after the reset, and before any queue is enabled', async () => {
    const device = new FakeDevice();
    await open(device);
    const master = device.position('bus-master', (value) => value === 1);
    expect(master).toBeGreaterThan(device.position('CTRL', has('CTRL', 'RST')));
    expect(master).toBeLessThan(device.position('RXDCTL[0]'));
    expect(master).toBeLessThan(device.position('TXDCTL[0]'));
  });

  test('enables each receive queue before its tail moves, and RXEN last, inside the halt', async () => {
    const device = new FakeDevice();
    await open(device, { rxQueues: 2 });
    expect(device.doorbell('RDT', 0)).toBeGreaterThan(0);
    expect(device.doorbell('RDT', 1)).toBeLessThan(512);
    const enable = device.position('RXCTRL', has('RXCTRL', 'RXEN'));
    expect(device.position('RXDCTL[1]', has('RXDCTL', 'ENABLE'))).toBeLessThan(enable);
    expect(device.position('CTRL_EXT', has('CTRL_EXT', 'NS_DIS'))).toBeLessThan(enable);
    const halt = device.position('SECRXCTRL', has('SECRXCTRL', 'RX_DIS'));
    expect(halt).toBeLessThan(enable);
    expect(field(device, 'SECRXCTRL', 'RX_DIS')).toBe(0);
  });

  test('sets up receive queues for advanced descriptors and buffers of 2 KiB', async () => {
    const device = new FakeDevice();
    await open(device);
    expect(field(device, 'SRRCTL', 'BSIZEPACKET')).toBe(2);
    expect(field(device, 'SRRCTL', 'BSIZEHEADER')).toBe(4);
    expect(field(device, 'SRRCTL', 'DESCTYPE')).toBe(1);
    expect(field(device, 'SRRCTL', 'DROP_EN')).toBe(1);
    expect(field(device, 'DCA_RXCTRL', 'MUST_BE_ZERO')).toBe(0);
    expect(device.peek('RDBAL') % 128).toBe(0);
    expect(device.peek('RDBAH')).toBe(1);
  });

  test('strips CRCs in both places, and sets what RDRXCTL asks for', async () => {
    const device = new FakeDevice();
    await open(device);
    expect(field(device, 'HLREG0', 'RXCRCSTRP')).toBe(1);
    for (const [name, content] of [
      ['CRC_STRIP', 1],
      ['RSCFRSTSIZE', 0],
      ['RSCACKC', 1],
      ['FCOE_WRFIX', 1],
    ] as const) {
      expect(field(device, 'RDRXCTL', name), name).toBe(content);
    }
  });

  test('clears the tables that are undefined after a reset', async () => {
    const device = new FakeDevice();
    await open(device);
    for (const name of ['MTA', 'VFTA', 'PFUTA', 'PFVLVF', 'PFVLVFB', 'FTQF'] as const) {
      expect(device.log.filter((write) => write.name.startsWith(`${name}[`) && write.value === 0).length, name).toBe(
        ixgbe[name].length,
      );
    }
    expect(device.writesTo('MPSAR[0]').at(-1)).toBe(1);
  });

  test('programs the transmit path with arbitration stopped, then opens it', async () => {
    const device = new FakeDevice();
    await open(device);
    const stopped = device.position('RTTDCS', has('RTTDCS', 'ARBDIS'));
    const again = device.position('RTTDCS', (value) => !has('RTTDCS', 'ARBDIS')(value));
    for (const name of ['DTXMXSZRQ', 'TXPBSIZE[0]', 'TXPBTHRESH[0]', 'MTQC']) {
      expect(device.position(name), name).toBeGreaterThan(stopped);
      expect(device.position(name), name).toBeLessThan(again);
    }
    expect(device.peek('DTXMXSZRQ')).toBe(0xfff);
    const open_ = device.position('DMATXCTL', has('DMATXCTL', 'TE'));
    expect(open_).toBeGreaterThan(again);
    expect(device.position('TXDCTL[0]', has('TXDCTL', 'ENABLE'))).toBeGreaterThan(open_);
    expect(device.position('TDBAL[0]')).toBeLessThan(open_);
    expect(field(device, 'DMATXCTL', 'VT')).toBe(0x8100);
  });

  test('leaves write-back at once and the thresholds as programmed when it enables a transmit queue', async () => {
    const device = new FakeDevice();
    await open(device);
    expect(field(device, 'TXDCTL', 'PTHRESH')).toBe(32);
    expect(field(device, 'TXDCTL', 'HTHRESH')).toBe(8);
    expect(field(device, 'TXDCTL', 'WTHRESH')).toBe(0);
  });

  test('raises the frame limit for jumbo frames only', async () => {
    const usual = new FakeDevice();
    await open(usual);
    expect(field(usual, 'HLREG0', 'JUMBOEN')).toBe(0);
    const jumbo = new FakeDevice();
    expect((await open(jumbo, { mtu: 9000 })).mtu).toBe(9000);
    expect(field(jumbo, 'HLREG0', 'JUMBOEN')).toBe(1);
    expect(field(jumbo, 'MAXFRS', 'MFS')).toBe(9018);
  });

  test('switches flow control off, but sets the high water mark', async () => {
    const device = new FakeDevice();
    await open(device);
    expect(device.peek('FCRTH', 0)).toBe(512 * 1024 - 0x6000);
    expect(field(device, 'FCCFG', 'TFCE')).toBe(0);
    expect(field(device, 'MFLCN', 'RFCE')).toBe(0);
  });

  test('maps queue n to counter set n modulo 16', async () => {
    const device = new FakeDevice();
    await open(device);
    expect(device.peek('RQSMR', 0)).toBe(0x03020100);
    expect(device.peek('RQSMR', 3)).toBe(0x0f0e0d0c);
    expect(device.peek('TQSM', 4)).toBe(0x03020100);
  });

  test('leaves no transmit queue limited to a rate', async () => {
    const device = new FakeDevice();
    await open(device);
    const limits = device.log.flatMap(({ name, value }, i) =>
      name === 'RTTBCNRC' ? [[device.log[i - 2], value]] : [],
    );
    expect(limits).toEqual(Array.from({ length: 128 }, (_, queue) => [{ name: 'RTTDQSEL', value: queue }, 0]));
  });

  test('is idle-proof: no wait writes the register that it polls', async () => {
    const device = new FakeDevice();
    const polled: string[] = [];
    device.onRead = (name) => {
      if (name === 'RXDCTL[0]') polled.push(name);
      return undefined;
    };
    await open(device);
    expect(polled.length).toBeGreaterThan(0);
    expect(device.writesTo('RXDCTL[0]')).toEqual([1 << 25]);
  });
});

describe('the link, by kind of port', () => {
  test('SFP+: serial 10 G, restarted, while holding the MAC registers', async () => {
    const device = new FakeDevice(0x10fb);
    await open(device);
    expect(field(device, 'AUTOC', 'LMS')).toBe(3);
    expect(field(device, 'AUTOC2', 'PMA_PMD_10G_SERIAL')).toBe(2);
    const taken = device.position('SW_FW_SYNC', has('SW_FW_SYNC', 'SW_MAC_CSR_SM'));
    const restart = device.position('AUTOC', has('AUTOC', 'RESTART_AN'));
    expect(restart).toBeGreaterThan(taken);
    expect(field(device, 'SW_FW_SYNC', 'SW_MAC_CSR_SM')).toBe(0);
    expect(field(device, 'SWSM', 'SMBI')).toBe(0);
  });

  test("SFP+: the module's transmitter is enabled again, and other pins stay as they are", async () => {
    const device = new FakeDevice(0x10fb);
    device.onRead = (name) => (name === 'ESDP' ? 0x0002_0b0d : undefined);
    await open(device);
    expect(device.writesTo('ESDP')).toEqual([0x0002_0b05]);
  });

  test('backplane: what the EEPROM loaded, restarted', async () => {
    const device = new FakeDevice(0x1517);
    await open(device);
    expect(device.writesTo('AUTOC')).toEqual([1 << 12]);
    expect(device.writesTo('ESDP')).toEqual([]);
  });

  test.each([0x1528, 0x1563, 0x15ad, 0x151c])('copper (%i): AUTOC is left to firmware', async (deviceId) => {
    const device = new FakeDevice(deviceId);
    await open(device);
    expect(device.writesTo('AUTOC')).toEqual([]);
  });

  test('is left alone when management firmware forbids changes', async () => {
    const device = new FakeDevice();
    device.onRead = (name) => (name === 'MMNGC' ? 1 : undefined);
    const warnings: string[] = [];
    await open(device, { logger: { info() {}, warn: (message) => warnings.push(message) } });
    expect(device.writesTo('AUTOC')).toEqual([]);
    expect(warnings.join()).toContain('MNG_VETO');
  });
});

describe('failures end in errors that say what was waited for, with everything released', () => {
  test.each([
    ['CTRL.RST', (device: FakeDevice) => device.stuck.set('CTRL', 1 << 26)],
    ['EEC.AUTO_RD', (device: FakeDevice) => forceField(device, 'EEC', 0)],
    ['RDRXCTL.DMAIDONE', (device: FakeDevice) => forceField(device, 'RDRXCTL', 0)],
    ['RXDCTL[0].ENABLE', (device: FakeDevice) => forceField(device, 'RXDCTL[0]', 0)],
    ['TXDCTL[0].ENABLE', (device: FakeDevice) => forceField(device, 'TXDCTL[0]', 0)],
    ['SECRXSTAT.SECRX_RDY', (device: FakeDevice) => forceField(device, 'SECRXSTAT', 0)],
    ['SWSM.SWESMBI', (device: FakeDevice) => forceField(device, 'SWSM', 0)],
  ])('%s', async (what, interfere) => {
    const device = new FakeDevice();
    interfere(device);
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringMatching(
        new RegExp(`0000:03:00.0: ${what.replace(/[.[\]]/g, '\\$&')} is still [01] after \\d+ ms`),
      ),
    });
    expect(device.log.at(-1)).toEqual({ name: 'close', value: 0 });
    expect(device.writesTo('bus-master').at(-1)).toBe(0);
    const freed = device.writesTo('free').length;
    expect(freed === 0 || device.position('free') > device.position('bus-master', (value) => value === 0)).toBe(true);
  });

  test('firmware that keeps the EEPROM to itself', async () => {
    const device = new FakeDevice();
    device.onRead = (name) => (name === 'SW_FW_SYNC' ? ixgbe.SW_FW_SYNC.bits.FW_EEP_SM.mask : undefined);
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('FW_EEP_SM'),
    });
  });

  test('a driver that died with the EEPROM in its hands is overcome', async () => {
    const device = new FakeDevice();
    const warnings: string[] = [];
    device.poke('SWSM', ixgbe.SWSM.bits.SMBI.mask);
    device.poke('SW_FW_SYNC', ixgbe.SW_FW_SYNC.bits.SW_EEP_SM.mask);
    await open(device, { logger: { info() {}, warn: (message) => warnings.push(message) } });
    expect(warnings.join()).toContain('taking it over');
    expect(device.peek('SW_FW_SYNC')).toBe(0);
  });

  test('a damaged EEPROM', async () => {
    const device = new FakeDevice();
    device.eeprom[0x10] ^= 0x0400;
    await expect(open(device)).rejects.toMatchObject({
      code: 'ERR_BAD_FILE',
      message: expect.stringContaining('0xbaba'),
    });
  });

  test('an EEPROM whose sections carry part of the checksum', async () => {
    const device = new FakeDevice();
    device.eeprom[0x06] = 0x80;
    device.eeprom[0x80] = 2;
    device.eeprom.set([0x1111, 0x2222], 0x81);
    device.eeprom[0x3f] = (0xbaba - 0x80 - 0x3333) & 0xffff;
    await open(device);
  });

  test('no EEPROM, and no MAC address', async () => {
    const without = new FakeDevice();
    without.onRead = (name) => (name === 'EEC' ? ixgbe.EEC.bits.AUTO_RD.mask : undefined);
    await expect(open(without)).rejects.toMatchObject({ code: 'ERR_DEVICE_UNSUPPORTED' });
    const nameless = new FakeDevice();
    nameless.onRead = (name) => (name === 'RAL[0]' || name === 'RAH[0]' ? 0 : undefined);
    await expect(open(nameless)).rejects.toMatchObject({ message: expect.stringContaining('00:00:00:00:00:00') });
  });

  test('a device that is not there', async () => {
    const device = new FakeDevice();
    device.onRead = () => 0xffff_ffff;
    await expect(open(device)).rejects.toMatchObject({ code: 'ERR_DEVICE_GONE' });
    expect(device.closed).toBe(true);
  });

  test('memory that cannot be had', async () => {
    const device = new FakeDevice();
    const allocateMemory = () => {
      throw new Error('no pages');
    };
    await expect(open(device, { allocateMemory })).rejects.toThrow('no pages');
    expect(device.log.at(-1)?.name).toBe('close');
  });
});

function forceField(device: FakeDevice, register: string, value: number): void {
  device.onRead = (name) => (name === register ? value : undefined);
}
