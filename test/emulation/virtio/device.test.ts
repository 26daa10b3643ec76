/** What an emulated virtio-net device says of itself, and how it is negotiated with. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  FEATURE_NEEDS,
  type FeatureName,
  featureNames,
  featureSet,
  hasFeature,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
} from '../../../src/datasheet/virtio/features.ts';
import { NET_CONFIG } from '../../../src/datasheet/virtio/net.ts';
import { CAPABILITY, COMMON, LEGACY } from '../../../src/datasheet/virtio/pci.ts';
import { EmulatedPciDevice } from '../../../src/emulation/emulated-device.ts';
import { msixCapability } from '../../../src/emulation/msix-capability.ts';
import type { VirtioNetOptions } from '../../../src/emulation/virtio/options.ts';
import { VIRTIO_CAPABILITIES, WINDOW_DATA } from '../../../src/emulation/virtio/pci/config.ts';
import type { PciDevice } from '../../../src/pci/pci-device.ts';
import { frameTo, legacyLab, MAC, macOf, modernLab } from './test-driver.ts';

/** Virtio structures by type, as a driver finds them: where each lies and how long it is. */
function structures({ config }: PciDevice): Map<number, { bar: number; offset: number; size: number }> {
  const found = new Map();
  for (let at = config.read8(0x34); at !== 0; at = config.read8(at + CAPABILITY.next)) {
    if (config.read8(at) !== 0x09) continue;
    found.set(config.read8(at + CAPABILITY.type), {
      bar: config.read8(at + CAPABILITY.bar),
      offset: config.read32(at + CAPABILITY.offset),
      size: config.read32(at + CAPABILITY.size),
    });
  }
  return found;
}

function make(options: VirtioNetOptions): EmulatedPciDevice<'virtio'> {
  return new EmulatedPciDevice({ ...options, model: 'virtio' });
}

describe('configuration space', () => {
  test.each([
    ['legacy', 0x1000, 0, 1, [], [0, 1]],
    ['transitional', 0x1000, 0, 1, [1, 2, 3, 4, 5], [0, 1, 4]],
    ['modern', 0x1041, 1, 0x1041, [1, 2, 3, 4, 5], [1, 4]],
  ] as const)('of a %s device', (kind, id, revision, subsystem, types, bars) => {
    const device = make({ kind });
    const { config } = device;
    expect([device.vendorId, device.deviceId]).toEqual([0x1af4, id]);
    expect([config.read8(0x08), config.read16(0x2c), config.read16(0x2e)]).toEqual([revision, 0x1af4, subsystem]);
    expect([...structures(device).keys()]).toEqual(types);
    expect([...device.model.bars.keys()]).toEqual(bars);
    expect((config.read32(0x10) & 1) !== 0).toBe(kind !== 'modern');
    expect(msixCapability(config)).toMatchObject({ vectors: 4, bar: 1 });
    device.close();
  });

  test('every structure lies in its BAR', () => {
    const device = make({ queuePairs: 128 });
    for (const [type, { bar, offset, size }] of structures(device)) {
      if (type === 5) continue;
      expect(offset + size).toBeLessThanOrEqual(device.bar(bar).size);
      expect(size).toBeGreaterThan(0);
    }
    expect(device.bar(4).read16(COMMON.NUM_QUEUES)).toBe(257);
    device.close();
  });

  test('a device without vectors has the interrupt line alone', () => {
    const device = make({ vectors: 0 });
    expect(device.interrupts.kind).toBe('intx');
    expect(device.model.bars.has(1)).toBe(false);
    device.close();
  });

  test('the window reaches what the BAR has', () => {
    const device = make({ kind: 'modern', mac: MAC });
    const { config } = device;
    const open = (offset: number, bytes: number): void => {
      config.write8(VIRTIO_CAPABILITIES.window + CAPABILITY.bar, 4);
      config.write32(VIRTIO_CAPABILITIES.window + CAPABILITY.offset, offset);
      config.write32(VIRTIO_CAPABILITIES.window + CAPABILITY.size, bytes);
    };
    open(0x2005, 1);
    expect(config.read32(WINDOW_DATA)).toBe(macOf(MAC)[5]);
    open(COMMON.QUEUE_SELECT, 2);
    config.write32(WINDOW_DATA, 0xabcd_0001);
    expect(device.bar(4).read16(COMMON.QUEUE_SELECT)).toBe(1);
    expect(device.model.violations).toEqual([]);
    device.close();
  });

  test.each([
    { queuePairs: 0 },
    { queuePairs: 129 },
    { queueSize: 100 },
    { queueSize: 65_536 },
    { mtu: 67 },
    { vectors: 2049 },
    { speed: -1 },
    { features: ['NOTIFICATION_DATA'] },
    { features: ['MQ'] },
    { kind: 'legacy', features: ['VERSION_1'] },
    { without: ['NONSENSE'] },
    { mac: '02:00' },
  ])('refuses %j', (options) => {
    expect(() => make(options as VirtioNetOptions)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});

describe('features', () => {
  test('that are left out take along what needs them', () => {
    const { device, driver } = modernLab({ queuePairs: 2, without: ['CTRL_VQ'] });
    const offered = featureNames(driver.face.offered());
    expect(offered).not.toContain('MQ');
    expect(offered.filter((name) => name.startsWith('CTRL'))).toEqual([]);
    expect(driver.face.read('NUM_QUEUES', 2)).toBe(2);
    device.close();
  });

  test('any subset that is complete is accepted, any other refused', () => {
    const { device, driver } = modernLab({ queuePairs: 2 });
    const all = featureNames(driver.face.offered());
    fc.assert(
      fc.property(fc.subarray(all), (names) => {
        const complete = names.every((name) => FEATURE_NEEDS[name]?.every((needed) => names.includes(needed)) ?? true);
        driver.begin();
        expect(driver.agree(featureSet(names))).toBe(complete && names.includes('VERSION_1'));
      }),
    );
    device.close();
  });

  test('a device that offers nothing still carries frames', () => {
    const { device, driver, wire } = legacyLab({ features: [] });
    driver.start([]);
    wire.send(frameTo('02:00:00:00:00:09'));
    device.step();
    expect(device.model.discarded).toBe(0);
    expect(driver.queues).toHaveLength(2);
    expect(driver.receive()).toHaveLength(1);
    driver.close();
  });

  test('without MQ the control queue follows the first pair', () => {
    const { device, driver } = modernLab({ queuePairs: 4 });
    const wanted: FeatureName[] = ['VERSION_1', 'CTRL_VQ', 'CTRL_RX'];
    driver.start(wanted);
    expect(driver.queues).toHaveLength(3);
    expect(driver.control('PROMISCUOUS', [1])).toBe(0);
    driver.reset();
    expect(driver.face.queueSize(8)).toBe(32);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('a legacy driver sees the low ones, and cannot accept more', () => {
    const { device, driver } = legacyLab({ kind: 'transitional' });
    driver.start();
    expect(hasFeature(driver.features, 'MRG_RXBUF')).toBe(true);
    expect(device.bar(0).read32(LEGACY.DRIVER_FEATURES)).toBe(driver.features.low);
    driver.close();
  });
});

describe('status', () => {
  test('reads as it was written, until a reset', () => {
    const { driver } = modernLab();
    driver.start();
    expect(driver.face.status()).toBe(15);
    driver.face.setStatus(0);
    expect(driver.face.status()).toBe(0);
    expect(driver.face.read('QUEUE_ENABLE', 2)).toBe(0);
    driver.close();
  });

  test('FEATURES_OK is unknown to the legacy interface', () => {
    const { driver } = legacyLab();
    driver.begin();
    driver.add(STATUS_FEATURES_OK | STATUS_DRIVER_OK);
    expect(driver.face.status()).toBe(7);
    driver.close();
  });

  test('a queue in memory that the device cannot reach is a reason to need a reset', () => {
    const { device, driver } = modernLab();
    driver.begin();
    driver.negotiate();
    const queue = driver.setUpQueue(0);
    driver.add(STATUS_DRIVER_OK);
    expect(driver.face.status() & 64).toBe(0);
    queue.unmap();
    device.setBusMaster(true);
    device.step();
    expect(driver.face.status() & 64).toBe(64);
    expect(device.model.dmaFaults).toBe(1);
    driver.queues.length = 0;
    driver.close();
  });
});

describe('configuration', () => {
  test('tells what the options say', () => {
    const { driver } = modernLab({ queuePairs: 3, mtu: 9000, speed: 25_000 });
    const bytes = Array.from({ length: 6 }, (_, i) => driver.face.config8(NET_CONFIG.MAC + i));
    expect(bytes).toEqual(macOf(MAC));
    expect(driver.face.config16(NET_CONFIG.MAX_QUEUE_PAIRS)).toBe(3);
    expect(driver.face.config16(NET_CONFIG.MTU)).toBe(9000);
    driver.close();
  });

  test('changes its generation once something of it is read that has changed', () => {
    const { device, wire, driver } = modernLab({ speed: 40_000 });
    device.step();
    const bar = device.bar(4);
    expect(bar.read32(0x2000 + NET_CONFIG.SPEED)).toBe(40_000);
    expect(bar.read8(0x2000 + NET_CONFIG.DUPLEX)).toBe(1);
    const before = driver.face.read('CONFIG_GENERATION', 1);
    wire.connected = false;
    device.step();
    expect(driver.face.read('CONFIG_GENERATION', 1)).toBe(before);
    expect(bar.read32(0x2000 + NET_CONFIG.SPEED)).toBe(0xffff_ffff);
    expect(driver.face.read('CONFIG_GENERATION', 1)).not.toBe(before);
    driver.close();
  });

  test('moves behind the vectors in the legacy interface while MSI-X is enabled', () => {
    const { device, driver } = legacyLab();
    const ports = device.bar(0);
    const mac = new DataView(Uint8Array.from(macOf(MAC)).buffer);
    expect([ports.read32(0x14), ports.read16(0x18)]).toEqual([mac.getUint32(0, true), mac.getUint16(4, true)]);
    device.interrupts.enable(1);
    expect(ports.read32(0x18)).toBe(mac.getUint32(0, true));
    expect(ports.read16(LEGACY.CONFIG_MSIX_VECTOR)).toBe(0xffff);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });

  test('legacy drivers may write the MAC address, and hear by it once its last byte is written', () => {
    const { device, driver, wire } = legacyLab();
    driver.start(['ANY_LAYOUT', 'MAC', 'CTRL_VQ', 'CTRL_RX']);
    const other = '02:00:00:00:00:77';
    for (const [i, byte] of macOf(other).entries()) device.bar(0).write8(0x14 + i, byte);
    wire.send(frameTo(other));
    wire.send(frameTo(MAC));
    device.step();
    expect(driver.receive()).toEqual([frameTo(other)]);
    expect(device.model.violations).toEqual([]);
    driver.close();
  });
});
