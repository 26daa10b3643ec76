/** Filters that software adds by commands, and what becomes of the flows they are for. */
import { describe, expect, test } from 'vitest';
import { RX_STATUS_FLOW_DIRECTOR } from '../../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { extract } from '../../../src/datasheet/registers.ts';
import { Flow } from '../../../src/emulation/ixgbe/receive/flow.ts';
import { PacketHeaders } from '../../../src/emulation/packet-headers.ts';
import { addressBytes, type PacketFields, packet, TCP, UDP } from './packets.ts';
import { frameTo, type Lab, MAC, startLab } from './test-driver.ts';

const { FDIRCTRL, FDIRCMD, FDIRHASH, FDIRHKEY, FDIRSKEY, FDIRM, FDIRFREE, FDIRLEN, FDIRMATCH, FDIRMISS } = ixgbe;
const { FDIRUSTAT, FDIRFSTAT, FDIRIPSA, FDIRIPDA, FDIRPORT, FDIRVLAN, FDIRSIP4M, FDIRTCPM } = ixgbe;
const { QUEUE_EN, RX_QUEUE, DROP, FILTER_VALID, FILTER_UPDATE, CLEARHT, L4TYPE } = FDIRCMD.bits;

const ADD = 1;
const REMOVE = 2;
const QUERY = 3;
const BUCKET_KEY = 0x3dad14e2;
const SIGNATURE_KEY = 0x174d3614;
/** EtherTypes as flexible bytes. */
const FLEXIBLE_TYPE = 6 << FDIRCTRL.bits.FLEX_OFFSET.shift;
const PERFECT = FDIRCTRL.bits.PERFECT_MATCH.mask;
const toQueue = (queue: number): number => QUEUE_EN.mask | (queue << RX_QUEUE.shift);
const kind = (l4: number): number => l4 << L4TYPE.shift;
const KIND_UDP = 1;
const KIND_TCP = 2;

function labWith(control: number): Lab {
  const lab = startLab();
  lab.driver.write(FDIRHKEY, BUCKET_KEY);
  lab.driver.write(FDIRSKEY, SIGNATURE_KEY);
  lab.driver.write(FDIRCTRL, 1 | FLEXIBLE_TYPE | control);
  expect(lab.driver.waitFor(FDIRCTRL, FDIRCTRL.bits.INIT_DONE.mask)).toBe(true);
  return lab;
}

/** Hash and signature of a flow, as `FDIRHASH` has them. */
function hashOf(fields: PacketFields, masked = 0xffff): number {
  const frame = packet(fields);
  const headers = new PacketHeaders();
  headers.parse(frame, 0, frame.length, 0x8100);
  const flow = new Flow();
  flow.take(frame, 0, headers, 12);
  flow.flexible &= masked;
  return (flow.hash(SIGNATURE_KEY) << 16) | flow.hash(BUCKET_KEY);
}

/** A frame comes in: the queue that it was for, by the frames lost to queues that are off, and its descriptor. */
function receive({ wire, device, driver }: Lab, frame: Uint8Array): { kept: boolean; status: number; hash: number } {
  const before = device.model.discarded;
  const at = driver.read(ixgbe.RDH) * 4;
  wire.send(frame);
  device.step();
  const [, hash, status] = driver.rx.words.subarray(at, at + 4);
  driver.receive();
  return { kept: device.model.discarded === before, status, hash: hash >>> 0 };
}

describe('the hash', () => {
  // Upper half: signature, lower half: bucket. Computed with the function of Intel's BSD-licensed driver (DPDK 26.07).
  test.each([
    [{ source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 1024, destinationPort: 80 }, 0x6373_0fa6],
    [
      { source: '192.168.1.1', destination: '8.8.8.8', sourcePort: 40000, destinationPort: 443, vlan: 0x6005 },
      0x0caa_5347,
    ],
    [
      { source: '2001:db8::1', destination: '2001:db8:0:1:0:2:0:3', sourcePort: 51000, destinationPort: 22 },
      0x116e_00a2,
    ],
  ])('of %o is as published drivers compute it', (fields, expected) => {
    expect(hashOf({ ...fields, protocol: TCP })).toBe(expected);
  });

  test.each([
    [{ kind: 1, vlan: 0x0fff, flexible: 0x0800, source: -1, destination: 1, ports: 0x0035_ffff }, 0x20b7_6210],
    [{ kind: 0, vlan: 1, flexible: 0, source: 0, destination: 0, ports: 0 }, 0x50d9_0e51],
    [{ kind: 0, vlan: 0, flexible: 0, source: 0, destination: 0, ports: 0x8000_0000 | 0 }, 0x286c_4728],
  ])('of the bits of %o', (bits, expected) => {
    const flow = Object.assign(new Flow(), bits);
    expect((flow.hash(SIGNATURE_KEY) << 16) | flow.hash(BUCKET_KEY)).toBe(expected);
  });
});

describe('signature filters', () => {
  const fields = { protocol: TCP, sourcePort: 4000, destinationPort: 80 };

  test('send a flow to a queue, count matches and misses, and go again', () => {
    const lab = labWith(0);
    const { driver } = lab;
    const free = extract(FDIRFREE.bits.FREE, driver.read(FDIRFREE));
    expect(receive(lab, packet(fields)).kept).toBe(true);
    driver.write(FDIRHASH, hashOf(fields));
    driver.write(FDIRCMD, ADD | kind(KIND_TCP) | toQueue(7));
    expect(driver.read(FDIRCMD) & 3).toBe(0);
    expect(receive(lab, packet(fields)).kept).toBe(false); // queue 7 is off
    expect(receive(lab, packet({ ...fields, sourcePort: 4001 })).kept).toBe(true);
    expect(receive(lab, frameTo(MAC, 60)).kept).toBe(true);
    expect([driver.read(FDIRMATCH), driver.read(FDIRMISS)]).toEqual([1, 2]);
    expect(driver.read(FDIRMATCH)).toBe(0);
    expect(extract(FDIRFREE.bits.FREE, driver.read(FDIRFREE))).toBe(free - 1);
    driver.write(FDIRCMD, REMOVE);
    expect(receive(lab, packet(fields)).kept).toBe(true);
    driver.write(FDIRCMD, REMOVE);
    expect(driver.read(FDIRUSTAT)).toBe(0x0001_0001);
    expect(driver.read(FDIRFSTAT)).toBe(0x0100);
    expect(lab.device.model.violations).toEqual([]);
  });

  test('are updated in place', () => {
    const lab = labWith(0);
    lab.driver.write(FDIRHASH, hashOf(fields));
    lab.driver.write(FDIRCMD, ADD | toQueue(7));
    lab.driver.write(FDIRCMD, ADD | FILTER_UPDATE.mask | toQueue(0));
    const found = receive(lab, packet(fields));
    expect(found.kept).toBe(true);
    expect(found.status & RX_STATUS_FLOW_DIRECTOR).not.toBe(0);
    expect(extract(FDIRUSTAT.bits.ADD, lab.driver.read(FDIRUSTAT))).toBe(1);
  });

  test('fail when the table is full, and CLEARHT empties it', () => {
    const lab = labWith(0);
    const { driver } = lab;
    const free = extract(FDIRFREE.bits.FREE, driver.read(FDIRFREE));
    expect(free).toBe(8192);
    for (let i = 0; i <= free; i++) {
      driver.write(FDIRHASH, (i << 16) | (i & 3));
      driver.write(FDIRCMD, ADD | toQueue(1));
    }
    expect(extract(FDIRFSTAT.bits.FADD, driver.read(FDIRFSTAT))).toBe(1);
    expect(extract(FDIRLEN.bits.MAXLEN, driver.read(FDIRLEN))).toBe(63);
    driver.write(FDIRCMD, CLEARHT.mask);
    driver.write(FDIRCMD, 0);
    expect(extract(FDIRFREE.bits.FREE, driver.read(FDIRFREE))).toBe(free);
  });
});

describe('perfect filters', () => {
  const fields = { protocol: UDP, source: '10.1.2.3', destination: '10.9.8.7', sourcePort: 53, destinationPort: 5353 };

  /** As in memory: the first byte lowest. */
  const address = (text: string): number => addressBytes(text).reduceRight((sum, byte) => (sum << 8) | byte, 0);

  function program({ driver }: Lab, flow: typeof fields, index: number, masked = 0xffff): void {
    driver.write(FDIRIPSA, address(flow.source));
    driver.write(FDIRIPDA, address(flow.destination));
    driver.write(FDIRPORT, (flow.destinationPort << 16) | flow.sourcePort);
    driver.write(FDIRVLAN, 0x0008 << 16); // 0800h, the first byte lowest
    driver.write(FDIRHASH, (index << 16) | (hashOf(flow, masked) & 0x1fff));
  }

  test('match by fields, and report the index that software chose', () => {
    const lab = labWith(PERFECT | FDIRCTRL.bits.REPORT_STATUS.mask);
    program(lab, fields, 77);
    lab.driver.write(FDIRCMD, ADD | kind(KIND_UDP) | toQueue(0));
    const found = receive(lab, packet(fields));
    expect(found.status & RX_STATUS_FLOW_DIRECTOR).not.toBe(0);
    expect(found.hash).toBe((77 << 16) | (hashOf(fields) & 0x1fff));
    for (const other of [{ sourcePort: 54 }, { source: '10.1.2.4' }, { protocol: TCP }, { vlan: 3 }]) {
      expect(receive(lab, packet({ ...fields, ...other })).status & RX_STATUS_FLOW_DIRECTOR).toBe(0);
    }
  });

  test('can be asked for, and dropped packets go to the drop queue', () => {
    const lab = labWith(PERFECT | (127 << FDIRCTRL.bits.DROP_QUEUE.shift));
    const { driver } = lab;
    program(lab, fields, 5);
    driver.write(FDIRCMD, QUERY);
    expect(driver.read(FDIRCMD) & FILTER_VALID.mask).toBe(0);
    driver.write(FDIRCMD, ADD | kind(KIND_UDP) | DROP.mask);
    driver.write(FDIRCMD, QUERY);
    expect(driver.read(FDIRCMD) & FILTER_VALID.mask).not.toBe(0);
    expect(receive(lab, packet(fields)).kept).toBe(false);
    driver.write(FDIRCMD, REMOVE);
    expect(receive(lab, packet(fields)).kept).toBe(true);
  });

  test('leave out what masks say', () => {
    const lab = labWith(PERFECT);
    const { driver } = lab;
    const { FLEX, VLAN_ID, VLAN_PRIORITY } = FDIRM.bits;
    driver.write(FDIRM, FLEX.mask | VLAN_ID.mask | VLAN_PRIORITY.mask);
    driver.write(FDIRSIP4M, 0xff00_0000); // the last byte of the source
    driver.write(FDIRTCPM, 0x0000_f000); // the last four bits of the source port, in reverse order
    const flow = { ...fields, protocol: TCP, source: '10.1.2.0', sourcePort: 0x50 };
    program(lab, flow, 1, 0);
    driver.write(FDIRCMD, ADD | kind(KIND_TCP) | toQueue(9));
    for (const part of [{}, { source: '10.1.2.255' }, { sourcePort: 0x5f }, { vlan: 0xe123 }]) {
      expect(receive(lab, packet({ ...flow, ...part })).kept).toBe(false);
    }
    for (const part of [{ source: '10.1.3.0' }, { sourcePort: 0x60 }, { destinationPort: 1 }]) {
      expect(receive(lab, packet({ ...flow, ...part })).kept).toBe(true);
    }
  });

  test('are not for IPv6', () => {
    const lab = labWith(PERFECT);
    program(lab, fields, 1);
    lab.driver.write(FDIRCMD, ADD | kind(KIND_UDP) | toQueue(9));
    expect(receive(lab, packet({ ...fields, source: '::1', destination: '::2' })).kept).toBe(true);
  });
});
