/** Control commands of an emulated virtio-net device, and what they do to the frames that come in. */
import { describe, expect, test } from 'vitest';
import { NET_CONFIG } from '../../../src/datasheet/virtio/net.ts';
import { frameTo, type Lab, legacyLab, MAC, macOf, modernLab } from './test-driver.ts';

const OTHER = '02:00:00:00:00:02';
const GROUP = '01:00:5e:00:00:01';
const SECOND_GROUP = '33:33:00:00:00:01';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ALL = [MAC, OTHER, GROUP, SECOND_GROUP, BROADCAST];

/** To which of `ALL` frames reach the driver. */
function heard({ device, driver, wire }: Lab): string[] {
  for (const address of ALL) wire.send(frameTo(address));
  device.step();
  const frames = driver.receive().map((frame) => frame.subarray(0, 6).join());
  return ALL.filter((address) => frames.includes(macOf(address).join()));
}

function started(): Lab {
  const lab = modernLab();
  lab.driver.start();
  return lab;
}

/** Data of MAC_TABLE_SET. */
function tables(unicast: readonly string[], multicast: readonly string[]): number[] {
  const table = (addresses: readonly string[]): number[] => [
    addresses.length & 0xff,
    addresses.length >>> 8,
    0,
    0,
    ...addresses.flatMap(macOf),
  ];
  return [...table(unicast), ...table(multicast)];
}

describe('address filter', () => {
  test('lets only its own address and broadcast pass at first', () => {
    expect(heard(started())).toEqual([MAC, BROADCAST]);
  });

  test('does not exist for drivers that could not change it', () => {
    const lab = modernLab();
    lab.driver.start(['VERSION_1']);
    expect(heard(lab)).toEqual(ALL);
  });

  test.each([
    ['PROMISCUOUS', ALL],
    ['ALL_MULTICAST', [MAC, GROUP, SECOND_GROUP, BROADCAST]],
    ['ALL_UNICAST', [MAC, OTHER, BROADCAST]],
    ['NO_UNICAST', [BROADCAST]],
    ['NO_BROADCAST', [MAC]],
  ] as const)('%s can be switched on and off', (name, addresses) => {
    const lab = started();
    expect(lab.driver.control(name, [1])).toBe(0);
    expect(heard(lab)).toEqual(addresses);
    expect(lab.driver.control(name, [0])).toBe(0);
    expect(heard(lab)).toEqual([MAC, BROADCAST]);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('what suppresses wins over what allows, and promiscuous mode over all', () => {
    const lab = started();
    for (const name of ['ALL_MULTICAST', 'NO_MULTICAST', 'ALL_UNICAST', 'NO_UNICAST'] as const) {
      expect(lab.driver.control(name, [1])).toBe(0);
    }
    expect(heard(lab)).toEqual([BROADCAST]);
    lab.driver.control('PROMISCUOUS', [1]);
    expect(heard(lab)).toEqual(ALL);
  });

  test('takes tables, and keeps the old ones if the new ones are malformed', () => {
    const lab = started();
    expect(lab.driver.control('MAC_TABLE_SET', tables([OTHER], [GROUP]))).toBe(0);
    expect(heard(lab)).toEqual([MAC, OTHER, GROUP, BROADCAST]);
    expect(lab.driver.control('MAC_TABLE_SET', tables([], [GROUP, SECOND_GROUP]).slice(0, -1))).toBe(1);
    expect(lab.driver.control('MAC_TABLE_SET', [0xff, 0xff, 0xff, 0xff])).toBe(1);
    expect(lab.driver.control('MAC_TABLE_SET', [])).toBe(1);
    expect(heard(lab)).toEqual([MAC, OTHER, GROUP, BROADCAST]);
    expect(lab.driver.control('MAC_TABLE_SET', tables([], []))).toBe(0);
    expect(heard(lab)).toEqual([MAC, BROADCAST]);
  });

  test('lets all of a kind pass that it has no room for', () => {
    const lab = started();
    const many = Array.from({ length: 65 }, (_, i) => `01:00:5e:01:00:${i.toString(16).padStart(2, '0')}`);
    expect(lab.driver.control('MAC_TABLE_SET', tables([], many))).toBe(0);
    expect(heard(lab)).toEqual([MAC, GROUP, SECOND_GROUP, BROADCAST]);
  });

  test('follows the station to another address, which a reset takes back', () => {
    const lab = started();
    const { driver } = lab;
    expect(driver.control('MAC_ADDRESS_SET', macOf(OTHER))).toBe(0);
    expect(heard(lab)).toEqual([OTHER, BROADCAST]);
    expect(driver.face.config8(NET_CONFIG.MAC + 5)).toBe(2);
    driver.reset();
    expect(driver.face.config8(NET_CONFIG.MAC + 5)).toBe(1);
    driver.start();
    expect(heard(lab)).toEqual([MAC, BROADCAST]);
  });
});

test('tagged frames need a VLAN of the table', () => {
  const { device, driver, wire } = modernLab();
  driver.start();
  const tagged = (vlan: number): Uint8Array => {
    const frame = frameTo(MAC);
    frame.set([0x81, 0, 0xe0 | (vlan >>> 8), vlan & 0xff], 12);
    return frame;
  };
  const arrive = (): number => {
    for (const vlan of [0, 5, 0xfff]) wire.send(tagged(vlan));
    device.step();
    return driver.receive().length;
  };
  expect(arrive()).toBe(0);
  expect(driver.control('VLAN_ADD', [5, 0])).toBe(0);
  expect(driver.control('VLAN_ADD', [0xff, 0x0f])).toBe(0);
  expect(arrive()).toBe(2);
  expect(driver.control('VLAN_DELETE', [5, 0])).toBe(0);
  expect(arrive()).toBe(1);
  driver.start(['VERSION_1', 'CTRL_VQ', 'CTRL_RX']);
  expect(arrive()).toBe(3);
  expect(device.model.violations).toEqual([]);
  driver.close();
});

test('the driver is asked to announce itself until it says that it has', () => {
  const { device, driver } = modernLab();
  let fired = 0;
  const [interrupt] = device.interrupts.enable(1);
  device.setBusMaster(true);
  driver.begin();
  driver.negotiate();
  driver.face.configVector(0);
  driver.setUpQueues();
  driver.run();
  device.step();
  interrupt.handle(() => fired++);
  device.model.announce();
  expect([fired, driver.face.config16(NET_CONFIG.STATUS)]).toEqual([1, 3]);
  expect(driver.control('ANNOUNCE_ACKNOWLEDGE', [])).toBe(0);
  expect(driver.face.config16(NET_CONFIG.STATUS)).toBe(1);
  driver.close();
});

test('several commands at once are done in order, by legacy drivers too', () => {
  const lab = legacyLab();
  const { device, driver } = lab;
  driver.start();
  const queue = driver.queues[2];
  for (const value of [1, 0, 2, 1]) queue.offer([Uint8Array.of(0), Uint8Array.of(0, value)], [1]);
  device.step();
  expect(queue.used().map(({ written }) => written[0])).toEqual([0, 0, 1, 0]);
  expect(heard(lab)).toEqual(ALL);
  expect(device.model.violations.map(({ rule }) => rule)).toEqual(['control.switch']);
  driver.close();
});
