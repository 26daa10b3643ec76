/** Sends numbered UDP packets from one port: node build-js/examples/generate.js [PORT [PACKETS]] */
import { generate, open, PacketTemplate } from 'ixy.ts';

const [uri = 'emulated:ixgbe', packets = '1e6'] = process.argv.slice(2);
const port = await open(uri, { use: 'transmit' });
await port.waitForLink();

// Written into every buffer once; from packet to packet only ports, sequence number and checksums change.
const template = new PacketTemplate({
  size: 60,
  ethernet: { source: port.mac, destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { sourcePort: 1024, destinationPort: 1337 },
});
const fields = { sequence: true, sourcePort: { first: 1024, last: 2047 } };

const begin = performance.now();
const sent = await generate(port, { template, fields, count: Number(packets) });
const seconds = (performance.now() - begin) / 1000;

console.log(`${port.name}: sent ${sent.packets} packets, ${sent.bytes} bytes in ${seconds.toFixed(2)} s`);
port.close();
