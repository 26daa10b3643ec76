/** Records packets in a file, then says what came: node build-js/examples/capture.js [PORT [FILE [PACKETS]]] */
import {
  CaptureFileReader,
  capture,
  ETHERTYPE_IPV4,
  formatIpv4,
  IP_PROTOCOL_UDP,
  Ipv4View,
  open,
  PacketRecorder,
  PacketStack,
  UdpView,
} from 'ixy.ts';

const [uri = 'emulated:ixgbe?wire=generator', file = 'capture.pcapng', packets = '10'] = process.argv.slice(2);
const port = await open(uri, { promiscuous: true, use: 'receive' });
const recorder = new PacketRecorder(file);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const { recorded } = await capture(port, recorder, { count: Number(packets), signal: stop.signal });
recorder.close();
port.close();
console.log(`${recorded} packets in ${file}`);

// One parser and one view per header serve all packets: they are moved, not made anew.
const stack = new PacketStack();
const ip = new Ipv4View();
const udp = new UdpView();
for (const { bytes, offset, length } of new CaptureFileReader(file)) {
  stack.parse(bytes, offset, length);
  if (stack.etherType !== ETHERTYPE_IPV4 || stack.protocol !== IP_PROTOCOL_UDP || stack.end !== 'payload') continue;
  ip.at(bytes, stack.network);
  udp.at(bytes, stack.transport);
  const [from, to] = [formatIpv4(ip.source), formatIpv4(ip.destination)];
  console.log(`${from}:${udp.sourcePort} → ${to}:${udp.destinationPort}, ${stack.payloadLength} bytes of UDP`);
}
