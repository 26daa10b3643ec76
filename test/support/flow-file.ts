/** Packets of many flows in a capture file, for wires that replay it. */
import { join } from 'node:path';
import { generate } from '../../src/apps/index.ts';
import { PacketTemplate } from '../../src/packets/index.ts';
import { open } from '../../src/ports/index.ts';
import { temporaryDirectory } from './process.ts';

/** Numbered packets of 60 bytes, of 256 flows in turn, which are their source ports from 1000 on. */
export async function writeFlows(file: string, count: number): Promise<void> {
  const port = await open(`pcap:${file}`, { use: 'transmit' });
  const template = new PacketTemplate({
    size: 60,
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { sourcePort: 1000, destinationPort: 1337 },
  });
  await generate(port, { template, count, fields: { sequence: true, sourcePort: { first: 1000, last: 1255 } } });
  port.close();
}

/** A NIC that is sent packets of 256 flows without end. For within tests. */
export async function endlessFlows(): Promise<string> {
  const file = join(temporaryDirectory(), 'flows.pcap');
  await writeFlows(file, 256);
  return `emulated:ixgbe?wire=pcap:${file}&loops=0`;
}
