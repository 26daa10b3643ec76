/** Every rule of an emulated virtio-net device, but for those of its rings, broken on purpose. */
import { describe, expect, test } from 'vitest';
import {
  featureSet,
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FAILED,
  STATUS_FEATURES_OK,
} from '../../../src/datasheet/virtio/features.ts';
import { CONTROL } from '../../../src/datasheet/virtio/net.ts';
import { LEGACY, NO_VECTOR } from '../../../src/datasheet/virtio/pci.ts';
import { VIRTIO_CAPABILITIES, WINDOW_DATA } from '../../../src/emulation/virtio/pci/config.ts';
import { DEVICE_RULES, VIRTIO_NET_RULES } from '../../../src/emulation/virtio/rules.ts';
import { hashConfig, rssConfig } from './hash-data.ts';
import { frameTo, type Lab, legacyLab, MAC, modernLab } from './test-driver.ts';
import type { ModernInterface } from './test-interfaces.ts';

type ModernLab = Lab<ModernInterface>;
type DeviceRule = keyof typeof DEVICE_RULES;

const VERSION = featureSet(['VERSION_1']);

/** A device that has been reset and recognised; `wrong` is what the driver does then. */
function begun(wrong: (lab: ModernLab) => void, options: Parameters<typeof modernLab>[0] = {}): () => Lab {
  return () => {
    const lab = modernLab(options);
    lab.device.setBusMaster(true);
    lab.driver.begin();
    expect(lab.device.model.violations).toEqual([]);
    wrong(lab);
    return lab;
  };
}

/** The same with features agreed. */
function agreed(wrong: (lab: ModernLab) => void): () => Lab {
  return begun((lab) => {
    lab.driver.negotiate();
    wrong(lab);
  });
}

/** A running device; `wrong` is what the driver then does wrong. */
function running(wrong: (lab: ModernLab) => void, options: Parameters<typeof modernLab>[0] = {}): () => Lab {
  return () => {
    const lab = modernLab(options);
    lab.driver.start();
    expect(lab.device.model.violations).toEqual([]);
    wrong(lab);
    lab.device.step();
    return lab;
  };
}

/** A control command that must be refused. */
function commanding(code: readonly number[], data: readonly number[], options = {}): () => Lab {
  return running(({ driver }) => expect(driver.command(code, data)).toBe(1), options);
}

/** Puts the window of configuration space over `bytes` bytes at `offset` of a BAR. */
function openWindow({ device }: Lab, bar: number, offset: number, bytes: number): void {
  device.config.write8(VIRTIO_CAPABILITIES.window + 4, bar);
  device.config.write32(VIRTIO_CAPABILITIES.window + 8, offset);
  device.config.write32(VIRTIO_CAPABILITIES.window + 12, bytes);
}

const SCENARIOS: Readonly<Record<DeviceRule, () => Lab>> = {
  'register.unknown': begun(({ device }) => device.bar(4).read32(0x800)),
  'register.width': begun(({ device }) => device.bar(4).read32(0x14)),
  'register.read-only': begun(({ driver }) => driver.face.write('NUM_QUEUES', 2, 4)),
  'window.range': begun((lab) => {
    openWindow(lab, 4, 0x800, 4);
    lab.device.config.read32(WINDOW_DATA);
  }),

  'status.order': begun(({ driver }) => driver.add(STATUS_DRIVER_OK)),
  'status.cleared': begun(({ driver }) => driver.face.setStatus(STATUS_DRIVER)),
  'status.unknown-bit': begun(({ driver }) => driver.add(16)),
  'status.failed': begun(({ driver }) => {
    driver.add(STATUS_FAILED);
    driver.agree(VERSION);
  }),
  'status.features-unread': begun(({ driver }) => {
    driver.face.accept(VERSION);
    const status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
    driver.face.setStatus(status);
    driver.face.setStatus(status | STATUS_DRIVER_OK);
  }),
  'reset.not-awaited': begun(({ driver }) => {
    driver.face.setStatus(0);
    driver.face.setStatus(STATUS_ACKNOWLEDGE);
  }),

  'features.not-offered': begun(({ driver }) => {
    expect(driver.agree(featureSet(['VERSION_1', 'NOTIFICATION_DATA']))).toBe(false);
  }),
  'features.dependency': begun(({ driver }) => {
    expect(driver.agree(featureSet(['VERSION_1', 'CTRL_RX']))).toBe(false);
  }),
  'features.version': begun(({ driver }) => expect(driver.agree(featureSet(['MAC']))).toBe(false)),
  'features.platform': begun(({ driver }) => expect(driver.agree(VERSION)).toBe(false), { accessPlatform: true }),
  'features.early': begun(({ driver }) => {
    driver.reset();
    driver.face.accept(VERSION);
  }),
  'features.late': agreed(({ driver }) => driver.face.accept(VERSION)),

  'setup.before-features': begun(({ driver }) => driver.setUpQueue(0)),
  'setup.after-start': agreed(({ driver }) => {
    driver.add(STATUS_DRIVER_OK);
    driver.setUpQueue(0);
  }),
  'setup.no-queue': agreed(({ driver }) => {
    driver.face.select(7);
    driver.face.write('QUEUE_SIZE', 2, 8);
  }),
  'setup.while-enabled': agreed(({ driver }) => driver.face.place(driver.setUpQueue(0))),
  'setup.size': agreed(({ driver }) => {
    driver.face.select(0);
    for (const size of [0, 12, 64]) driver.face.write('QUEUE_SIZE', 2, size);
    expect(driver.face.read('QUEUE_SIZE', 2)).toBe(32);
  }),
  'setup.disabled': agreed(({ driver }) => {
    driver.setUpQueue(0);
    driver.face.write('QUEUE_ENABLE', 2, 0);
  }),
  'setup.reset': running(({ driver }) => {
    driver.face.select(1);
    driver.face.write('QUEUE_RESET', 2, 0);
  }),
  'vector.range': agreed(({ device, driver }) => {
    device.interrupts.enable(1);
    expect(driver.face.configVector(4)).toBe(NO_VECTOR);
  }),
  'vector.unread': agreed(({ device, driver }) => {
    device.interrupts.enable(1);
    driver.face.write('CONFIG_MSIX_VECTOR', 2, 0);
    driver.add(STATUS_DRIVER_OK);
  }),
  'vector.no-messages': agreed(({ driver }) => driver.face.configVector(0)),

  'notify.early': agreed(({ driver }) => {
    driver.setUpQueue(0);
    driver.face.kick(0);
  }),
  'notify.not-enabled': agreed(({ driver }) => {
    driver.add(STATUS_DRIVER_OK);
    driver.face.kick(1);
  }),
  'notify.no-queue': running(({ device }) => device.bar(4).write16(0x3000 + 4 * 9, 9)),
  'notify.value': running(({ device }) => device.bar(4).write16(0x3000, 1)),
  'notify.width': running(({ device }) => device.bar(4).write32(0x3000, 0)),
  'dma.bus-master': running(({ device }) => device.setBusMaster(false)),
  'isr.with-messages': running(({ device, driver }) => {
    device.interrupts.enable(1);
    driver.face.causes();
  }),

  'config.not-offered': begun(({ driver }) => expect(driver.face.config16(10)).toBe(0), { without: ['MTU'] }),
  'config.written': begun(({ device, driver }) => {
    device.bar(4).write8(0x2000, 1);
    expect(driver.face.config8(0)).toBe(2);
  }),

  'control.layout': running(({ driver }) => {
    driver.queues[2].offer([Uint8Array.of(0, 0, 1)], []);
  }),
  'control.length': commanding(CONTROL.MAC_TABLE_SET, [2, 0, 0, 0, 2, 0, 0, 0, 0, 1]),
  'control.unknown': commanding([9, 9], []),
  'control.not-negotiated': commanding(CONTROL.QUEUE_PAIRS_SET, [1, 0]),
  'control.switch': commanding(CONTROL.PROMISCUOUS, [2]),
  'control.address': commanding(CONTROL.MAC_TABLE_SET, [1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1, 0, 0, 0, 0]),
  'control.vlan': commanding(CONTROL.VLAN_ADD, [0, 0x10]),
  'control.pairs': commanding(CONTROL.QUEUE_PAIRS_SET, [3, 0], { queuePairs: 2 }),
  'control.pairs-not-enabled': () => {
    const { driver, ...lab } = modernLab({ queuePairs: 2 });
    lab.device.setBusMaster(true);
    driver.begin();
    driver.negotiate();
    for (const index of [0, 1, 4]) driver.setUpQueue(index);
    driver.add(STATUS_DRIVER_OK);
    expect(driver.control('QUEUE_PAIRS_SET', [2, 0])).toBe(1);
    return { driver, ...lab };
  },
  'control.hash-types': commanding(CONTROL.HASH_CONFIG, hashConfig({ types: 1 << 6 })),
  'control.hash-key': commanding(CONTROL.HASH_CONFIG, hashConfig({ key: new Array(41).fill(1) })),
  'control.rss-table': commanding(CONTROL.RSS_CONFIG, rssConfig({ table: [0, 0, 0] })),
  'control.rss-queue': commanding(CONTROL.RSS_CONFIG, rssConfig({ table: [0, 2] }), { queuePairs: 2 }),
  'tx.pair-unused': running(({ driver }) => driver.transmit(frameTo(MAC), 1), { queuePairs: 2 }),
};

describe('strict mode catches', () => {
  for (const [rule, scenario] of Object.entries(SCENARIOS) as [DeviceRule, () => Lab][]) {
    test(`${rule}: ${DEVICE_RULES[rule].message}`, () => {
      const { device, driver } = scenario();
      const caught = device.model.violations.find((violation) => violation.rule === rule);
      expect(device.model.violations.map((violation) => violation.rule)).toContain(rule);
      expect(caught).toMatchObject({ section: expect.stringMatching(/^\d+(\.\d+)+$/), count: expect.any(Number) });
      driver.close();
    });
  }

  test('the same by the legacy interface', () => {
    const { device, driver } = legacyLab();
    const ports = device.bar(0);
    driver.face.accept(featureSet(['MAC']));
    driver.begin();
    driver.face.accept(featureSet(['RING_RESET', 'CTRL_RX', 'GUEST_TSO4']));
    driver.setUpQueue(0);
    driver.face.kick(0);
    driver.add(STATUS_FEATURES_OK);
    driver.add(STATUS_DRIVER_OK);
    driver.face.accept(featureSet([]));
    ports.write16(LEGACY.QUEUE_SIZE, 8);
    ports.read16(LEGACY.DEVICE_STATUS);
    ports.write16(0x1c, 1);
    expect(device.model.violations.map(({ rule }) => rule)).toEqual([
      'features.early',
      'features.not-offered',
      'features.dependency',
      'notify.early',
      'status.unknown-bit',
      'features.late',
      'register.read-only',
      'register.width',
      'config.written',
    ]);
    driver.close();
  });
});

test('every rule names a section', () => {
  for (const { section } of Object.values(VIRTIO_NET_RULES)) expect(section).toMatch(/^\d+(\.\d+)+$/);
});

test('without strict mode nothing is recorded', () => {
  const { device, driver } = modernLab({ strict: false });
  driver.start();
  driver.face.write('NUM_QUEUES', 2, 1);
  device.bar(4).write32(0x3000, 0);
  expect(device.model.violations).toEqual([]);
  driver.close();
});
