/** What leaves emulated NICs, generated or forwarded, as a tool sees it that nobody here wrote. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forward, generate } from '../../src/apps/index.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../src/memory/packet-pool.ts';
import { foldSum, pseudoHeaderSum4 } from '../../src/packets/checksum.ts';
import { PacketTemplate } from '../../src/packets/index.ts';
import { open } from '../../src/ports/index.ts';
import { temporaryDirectory } from '../support/process.ts';
import { haveTools, tshark } from '../support/tools.ts';

const COUNT = 3000;
/** Where headers begin, and the checksum in the last. */
const IP = 14;
const UDP = 34;
const UDP_CHECKSUM = 6;
const UDP_PROTOCOL = 17;
const GOOD = '1';
const FIELDS = ['frame.len', 'ip.checksum.status', 'udp.checksum.status', 'ip.src', 'udp.dstport', '_ws.malformed'];

const template = (size: number) =>
  new PacketTemplate({
    size,
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { sourcePort: 42, destinationPort: 1337 },
  });

const unfinished = template(61);

const fields = {
  sequence: true,
  sourceIp: { first: '198.18.0.1', last: '198.18.0.250' },
  destinationPort: { first: 1000, last: 1009 },
} as const;

/** Every frame of a capture is whole, and numbered addresses and ports come round in order. */
function expectGood(file: string, size: number): void {
  const rows = tshark(file, FIELDS);
  expect(rows).toEqual(
    Array.from({ length: COUNT }, (_, i) => [
      `${size}`,
      GOOD,
      GOOD,
      `198.18.0.${1 + (i % 250)}`,
      `${1000 + (i % 10)}`,
      '',
    ]),
  );
}

describe.runIf(haveTools('tshark'))('tshark finds nothing wrong with', () => {
  it.each([
    ['ixgbe', 60, 'thread=0'],
    ['ixgbe', 1514, 'thread=0'],
    ['ixgbe', 1514, 'thread=1'],
    ['virtio', 60, 'thread=0&ring=packed'],
    ['virtio', 1514, 'thread=0&ring=split'],
    ['virtio', 60, 'thread=0&kind=legacy'],
    ['virtio', 1514, 'thread=1'],
  ])('generated and forwarded packets of %s: %i bytes, %s', async (model, size, more) => {
    const directory = temporaryDirectory();
    const [generated, forwarded] = ['generated', 'forwarded'].map((name) => join(directory, `${name}.pcap`));
    const nic = await open(`emulated:${model}?wire=pcap:,${generated}&${more}`);
    await nic.waitForLink();
    expect(await generate(nic, { template: template(size), fields, count: COUNT })).toMatchObject({ packets: COUNT });
    nic.close();
    expectGood(generated, size);

    const from = await open(`emulated:${model}?wire=pcap:${generated}&${more}`, { promiscuous: true });
    const to = await open(`emulated:${model}?wire=pcap:,${forwarded}&${more}`);
    await Promise.all([from.waitForLink(), to.waitForLink()]);
    const [there] = await forward(from, to, { whenFull: 'wait' });
    expect(there).toMatchObject({ received: COUNT, forwarded: COUNT, dropped: 0 });
    from.close();
    to.close();
    expectGood(forwarded, size);
  });

  it.each([
    ['ixgbe', ''],
    ['virtio', '&ring=packed'],
    ['virtio', '&ring=split'],
    ['virtio', '&ring=packed&without=CSUM'],
    ['virtio', '&kind=legacy'],
    ['virtio', '&kind=legacy&without=ANY_LAYOUT'],
  ])('checksums that %s%s was asked to complete', async (model, more) => {
    const file = join(temporaryDirectory(), 'completed.pcap');
    const nic = await open(`emulated:${model}?wire=pcap:,${file}&thread=0${more}`);
    await nic.waitForLink();
    const { pool } = nic.rx[0];
    const batch = new PacketBatch(32, pool);
    for (let sent = 0; sent < COUNT; ) {
      batch.allocate(pool, Math.min(32, COUNT - sent));
      for (let i = 0; i < batch.length; i++) leaveChecksumOpen(pool, batch.packets[i], sent + i);
      sent += nic.tx[0].transmit(batch);
      batch.free();
      nic.rx[0].receive(batch); // lets the device work
    }
    nic.close();
    expect(tshark(file, ['udp.srcport', ...FIELDS.slice(1, 3)])).toEqual(
      Array.from({ length: COUNT }, (_, i) => [`${1 + (i % 60_000)}`, GOOD, GOOD]),
    );
  });
});

/** A packet whose UDP checksum holds the sum of the pseudo header only; its source port is `number` + 1. */
function leaveChecksumOpen(pool: PacketPool, packet: number, number: number): void {
  const bytes = pool.bytes.subarray(pool.offset(packet), pool.offset(packet) + unfinished.bytes.length);
  bytes.set(unfinished.bytes);
  pool.length[packet] = bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(UDP, 1 + (number % 60_000));
  view.setUint16(UDP + UDP_CHECKSUM, foldSum(pseudoHeaderSum4(bytes, IP, UDP_PROTOCOL, view.getUint16(UDP + 4))));
  pool.requestChecksum(packet, UDP, UDP_CHECKSUM);
}
