/** What leaves emulated NICs, generated or forwarded, as a tool sees it that nobody here wrote. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { forward, generate } from '../../src/apps/index.ts';
import { PacketTemplate } from '../../src/packets/index.ts';
import { open } from '../../src/ports/index.ts';
import { temporaryDirectory } from '../support/process.ts';
import { haveTools, tshark } from '../support/tools.ts';

const COUNT = 3000;
const GOOD = '1';
const FIELDS = ['frame.len', 'ip.checksum.status', 'udp.checksum.status', 'ip.src', 'udp.dstport', '_ws.malformed'];

const template = (size: number) =>
  new PacketTemplate({
    size,
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { sourcePort: 42, destinationPort: 1337 },
  });

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
    [60, 0],
    [1514, 0],
    [1514, 1],
  ])('generated and forwarded packets of %i bytes (thread: %i)', async (size, thread) => {
    const directory = temporaryDirectory();
    const [generated, forwarded] = ['generated', 'forwarded'].map((name) => join(directory, `${name}.pcap`));
    const nic = await open(`emulated:ixgbe?wire=pcap:,${generated}&thread=${thread}`);
    await nic.waitForLink();
    expect(await generate(nic, { template: template(size), fields, count: COUNT })).toMatchObject({ packets: COUNT });
    nic.close();
    expectGood(generated, size);

    const from = await open(`emulated:ixgbe?wire=pcap:${generated}&thread=${thread}`, { promiscuous: true });
    const to = await open(`emulated:ixgbe?wire=pcap:,${forwarded}&thread=${thread}`);
    await Promise.all([from.waitForLink(), to.waitForLink()]);
    const [there] = await forward(from, to, { whenFull: 'wait' });
    expect(there).toMatchObject({ received: COUNT, forwarded: COUNT, dropped: 0 });
    from.close();
    to.close();
    expectGood(forwarded, size);
  });
});
