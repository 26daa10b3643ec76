/** Forwards packets between two ports, both ways: node build-js/examples/forward.js [PORT PORT [PACKETS]] */
import { DONE, type NetDevice, open, PacketBatch, poll } from 'ixy.ts';

const [left = 'emulated:ixgbe?wire=generator', right = 'emulated:ixgbe?wire=loopback', packets = '1e6'] =
  process.argv.slice(2);
const a = await open(left, { promiscuous: true });
const b = await open(right, { promiscuous: true });
const batch = new PacketBatch(64);
let remaining = Number(packets);

function pass(from: NetDevice, to: NetDevice): number {
  const received = from.rx[0].receive(batch);
  for (let i = 0; i < received; i++) batch.pool.bytes[batch.offset(i) + 11]++; // last byte of the source MAC
  to.tx[0].transmit(batch); // what was queued belongs to the device now
  batch.free(); // what found no room is dropped
  return received;
}

await poll(() => {
  const moved = pass(a, b) + pass(b, a);
  remaining -= moved;
  return remaining > 0 ? moved : DONE;
});

for (const port of [a, b]) {
  const { rxPackets, txPackets, rxDropped } = port.statistics();
  console.log(`${port.name}: received ${rxPackets}, sent ${txPackets}, dropped ${rxDropped}`);
  port.close();
}
