/** Hashes of an emulated virtio-net device: what they steer, and what headers say of them. */
import { describe, expect, test } from 'vitest';
import { NET_CONFIG, NET_HEADER, NET_HEADER_HASH_BYTES } from '../../../src/datasheet/virtio/net.ts';
import { packet, TCP, UDP } from '../ixgbe/packets.ts';
import { hashConfig, rssConfig } from './hash-data.ts';
import { frameTo, type Lab, MAC, modernLab } from './test-driver.ts';

/** Microsoft's published hashes over addresses, and over addresses and ports. */
const PUBLISHED = [
  ['66.9.149.187', 2794, '161.142.100.80', 1766, 0x323e8fc2, 0x51ccc178],
  ['38.27.205.30', 48228, '209.142.163.6', 2217, 0x82989176, 0xafc7327f],
  ['3ffe:2501:200:1fff::7', 2794, '3ffe:2501:200:3::1', 1766, 0x2cc18cd5, 0x40207d3d],
] as const;
const NOTHING = { value: 0, report: 0 };

/** What the header of the next frame of pair `pair` says. */
function reported({ device, driver, wire }: Lab, frame: Uint8Array, pair = 0): { value: number; report: number } {
  wire.send(frame);
  device.step();
  const [raw] = driver.receiveRaw(pair);
  expect(raw.slice(NET_HEADER_HASH_BYTES)).toEqual(frame);
  const view = new DataView(raw.buffer, raw.byteOffset);
  expect(view.getUint16(NET_HEADER.PADDING, true)).toBe(0);
  return { value: view.getUint32(NET_HEADER.HASH_VALUE, true), report: view.getUint16(NET_HEADER.HASH_REPORT, true) };
}

describe('hash reports', () => {
  test.each(PUBLISHED)('from %s:%i to %s:%i', (source, sourcePort, destination, destinationPort, bare, full) => {
    const lab = modernLab();
    lab.driver.start();
    const fields = { to: MAC, source, sourcePort, destination, destinationPort };
    const tcp = packet({ ...fields, protocol: TCP });
    const kind = source.includes(':') ? 4 : 1;
    expect(reported(lab, tcp)).toEqual(NOTHING);
    expect(lab.driver.control('HASH_CONFIG', hashConfig())).toBe(0);
    expect(reported(lab, tcp)).toEqual({ value: full, report: kind + 1 });
    expect(reported(lab, packet({ ...fields, protocol: UDP }))).toEqual({ value: full, report: kind + 2 });
    expect(reported(lab, packet({ ...fields, protocol: 47 }))).toEqual({ value: bare, report: kind });
    expect(reported(lab, frameTo(MAC))).toEqual(NOTHING);
    expect(lab.driver.control('HASH_CONFIG', hashConfig({ types: 0b1001 }))).toBe(0);
    expect(reported(lab, tcp)).toEqual({ value: bare, report: kind });
    expect(lab.driver.control('HASH_CONFIG', hashConfig({ types: 0b100100 }))).toBe(0);
    expect(reported(lab, tcp)).toEqual(NOTHING);
    expect(lab.device.model.violations).toEqual([]);
    lab.driver.close();
  });

  test('begin anew with a reset', () => {
    const lab = modernLab();
    lab.driver.start();
    lab.driver.control('HASH_CONFIG', hashConfig());
    lab.driver.start();
    expect(reported(lab, packet({ to: MAC }))).toEqual(NOTHING);
    lab.driver.close();
  });
});

describe('receive side scaling', () => {
  const pairsOf = ({ device, driver, wire }: Lab, frame: Uint8Array): number[] => {
    wire.send(frame);
    device.step();
    return [0, 1, 2, 3].map((pair) => driver.receive(pair).length);
  };
  const tcp = packet({
    to: MAC,
    source: '66.9.149.187',
    sourcePort: 2794,
    destination: '161.142.100.80',
    destinationPort: 1766,
    protocol: TCP,
  });

  test('goes by the table, and for frames without a hash by its own entry', () => {
    const lab = modernLab({ queuePairs: 4 });
    lab.driver.start();
    const table = [0, 1, 2, 0, 1, 2, 0, 1, 3, 0, 1, 2, 0, 1, 2, 0]; // the hash ends in 8
    expect(lab.driver.control('RSS_CONFIG', rssConfig({ table, unclassified: 2, transmit: 4 }))).toBe(0);
    expect(pairsOf(lab, tcp)).toEqual([0, 0, 0, 1]);
    expect(pairsOf(lab, frameTo(MAC))).toEqual([0, 0, 1, 0]);
    lab.driver.transmit(tcp, 1);
    expect(pairsOf(lab, tcp)).toEqual([0, 0, 0, 1]); // nothing is learned
    expect(reported(lab, tcp, 3)).toEqual({ value: 0x51ccc178, report: 2 });
    expect(lab.device.model.violations).toEqual([]);
  });

  test('ends when the driver asks for automatic steering', () => {
    const lab = modernLab({ queuePairs: 4 });
    lab.driver.start();
    lab.driver.control('RSS_CONFIG', rssConfig({ table: [3], transmit: 4 }));
    expect(lab.driver.control('QUEUE_PAIRS_SET', [1, 0])).toBe(0);
    expect(pairsOf(lab, tcp)).toEqual([1, 0, 0, 0]);
  });

  test.each([
    ['hardly any data', [0]],
    ['a table that ends too early', rssConfig({ table: [0, 1] }).slice(0, -40)],
    ['something behind the key', [...rssConfig({ table: [0, 1] }), 0]],
    ['no queue to send by', rssConfig({ transmit: 0 })],
    ['more queues to send by than there are', rssConfig({ transmit: 5 })],
    ['a queue for the rest that there is not', rssConfig({ unclassified: 4 })],
    ['a longer table than it takes', rssConfig({ table: new Array(256).fill(0) })],
  ])('is refused for %s, and what was set stays', (_what, data) => {
    const lab = modernLab({ queuePairs: 4 });
    lab.driver.start();
    lab.driver.control('RSS_CONFIG', rssConfig({ table: [3], transmit: 4 }));
    expect(lab.driver.control('RSS_CONFIG', data)).toBe(1);
    expect(lab.device.model.violations).toHaveLength(1);
    expect(pairsOf(lab, tcp)).toEqual([0, 0, 0, 1]);
  });

  test('says in its configuration what it can', () => {
    const { face } = modernLab().driver;
    expect(face.config8(NET_CONFIG.RSS_MAX_KEY_SIZE)).toBe(40);
    expect(face.config16(NET_CONFIG.RSS_MAX_TABLE_LENGTH)).toBe(128);
    expect(face.config32(NET_CONFIG.SUPPORTED_HASH_TYPES)).toBe(0x3f);
    expect(face.config16(NET_CONFIG.MAX_QUEUE_PAIRS)).toBe(1);
  });
});
