/** Frames that are not ordinary: longer than a buffer, or with a checksum that somebody else shall complete. */
import { describe, expect, it } from 'vitest';
import { CaptureFileWriter } from '../../../src/packets/capture-file.ts';
import { haveTools, tshark } from '../../support/tools.ts';
import type { AccessPath } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { nicAddress, nicMac, tapName } from '../harness/nics.ts';
import { lastPrinted, type Pair, portProgram, runsAs } from '../harness/ports.ts';
import { digestOf, holdFrames } from '../harness/traffic.ts';

const MTU = 9000;
const LONGEST = MTU + 14;
const SHORTEST = 60;
/** A step that shares no factor with buffers: lengths fall before, on and behind every boundary. */
const STEP = 7;
/** Around these, a frame takes one more buffer or less; the virtio header has 12 bytes. */
const BUFFER = 2048;
const TIMEOUT = 110_000;
const haveTshark = haveTools('tshark');

/** Frames from the shortest to the longest, whose bytes all differ from those of their neighbours. */
function writeAllLengths(file: string): number {
  const writer = new CaptureFileWriter(file);
  const frame = Buffer.alloc(LONGEST);
  let state = 1;
  for (let i = 0; i < LONGEST; i++) {
    state = Math.imul(state, 0x0019_660d) + 0x3c6e_f35f;
    frame[i] = state >>> 24;
  }
  frame.set([0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  for (let length = SHORTEST; length <= LONGEST; length++) {
    const nearBoundary = (length + 64) % BUFFER < 128;
    if (!nearBoundary && length % STEP !== 0 && length !== LONGEST) continue;
    frame.writeUInt16BE(length, 14);
    writer.write(frame, 0, length, 0, 0);
  }
  writer.close();
  return writer.packets;
}

/** Both ways at once. */
export function testJumbo(guest: () => Guest, path: AccessPath, pair: Pair): void {
  it(`frames of ${SHORTEST} to ${LONGEST} bytes pass both ways`, async () => {
    const { host } = guest();
    const file = host.file('lengths.pcap').here;
    const count = writeAllLengths(file);
    await holdFrames(guest(), pair, count, MTU);
    const running = guest().startScript(
      portProgram(
        path,
        `const ports = [];
        for (const address of ${JSON.stringify(pair.map(nicAddress))}) ports.push(await openPort(address, { mtu: ${MTU} }));
        console.log('ready');
        await forward(...ports, { whenFull: 'wait', count: ${2 * count} });
        print(ports.map((port) => ({ mtu: port.mtu, dropped: port.statistics().rxDropped + port.statistics().txDropped })));
        for (const port of ports) port.close();`,
      ),
      { ...runsAs(path), timeout: TIMEOUT },
    );
    await running.printed('ready');
    const recordings = await Promise.all(
      pair.map((nic) => guest().cable(nic).record({ from: 'guest', count, longest: LONGEST, timeout: TIMEOUT })),
    );
    await Promise.all(pair.map((nic) => guest().cable(nic).send(file, { framesPerSecond: 2000 })));
    expect(lastPrinted((await running.ended).stdout)).toEqual(Array(2).fill({ mtu: MTU, dropped: 0 }));
    for (const recording of recordings) expect(digestOf(await recording.ended())).toBe(digestOf(file));
    await holdFrames(guest(), pair, count);
  });
}

const FRAMES = 50;
/** Rows of tshark that have one good checksum each: of UDP, or of TCP. */
const FIELDS = ['udp.checksum.status', 'tcp.checksum.status', 'ip.checksum.status'];
const GOOD_UDP = '1,,1';
const GOOD_TCP = ',1,1';

/** The first NIC of the pair is offered checksums, the second is not. */
export function testChecksums(guest: () => Guest, path: AccessPath, pair: Pair): void {
  const [offered, plain] = pair;
  const network = `10.0.${offered.slot}`;

  describe.runIf(haveTshark)('checksums', () => {
    it.each([
      ['the driver, where the device cannot', plain, '{}', 'driver'],
      ['the driver, where it shall', offered, '{ transmitChecksum: false }', 'driver'],
      ['whoever needs it, where the device can', offered, '{}', 'device'],
    ])('left open by a program are completed by %s', async (_name, nic, options, by) => {
      const recording = await guest().cable(nic).record({ from: 'guest', filter: 'udp', count: FRAMES });
      // The template's checksum is complete; what an open one holds is the sum of the pseudo header, not inverted.
      const program = portProgram(
        path,
        `const port = await openPort('${nicAddress(nic)}', ${options});
        const ip = { source: '${network}.2', destination: '${network}.1' };
        const template = new PacketTemplate({
          size: 301, ethernet: { source: port.mac, destination: '02:00:00:00:00:02' }, ipv4: ip,
          udp: { sourcePort: 1000, destinationPort: 2000 },
        });
        const pool = new PacketPool(allocateHugeMemory(2 ** 21));
        const batch = new PacketBatch(${FRAMES});
        batch.allocate(pool, ${FRAMES});
        const udpLength = 301 - 34;
        const words = [0x0a00, ${offered.slot << 8} + 2, 0x0a00, ${offered.slot << 8} + 1, 17, udpLength];
        let sum = words.reduce((total, word) => total + word, 0);
        sum = (sum & 0xffff) + (sum >>> 16);
        for (let i = 0; i < ${FRAMES}; i++) {
          const [packet, at] = [batch.packets[i], batch.offset(i)];
          pool.bytes.set(template.bytes, at);
          pool.length[packet] = template.bytes.length;
          pool.bytes[at + 60] = i;
          pool.bytes.set([sum >>> 8, sum & 0xff], at + 40);
          pool.requestChecksum(packet, 34, 6);
        }
        await poll(() => { port.tx[0].transmit(batch); return batch.length === 0 && port.tx[0].pending() === 0 ? DONE : 0; });
        port.close();
        pool.close();`,
      );
      expect(await guest().startScript(program, runsAs(path)).ended).toMatchObject({ status: 0, stderr: '' });
      const statuses = new Set(tshark(await recording.ended(), FIELDS).map((row) => row.join()));
      // A device passes on that it is open: the kernel behind it takes that for right, and completes it where it must leave.
      expect(statuses).toEqual(new Set([by === 'driver' ? GOOD_UDP : '0,,1']));
    });

    it.each([
      ['are said to be open, and completed on the way out', true],
      ['are complete already if nobody asked for them', false],
    ])('of packets from this machine’s own kernel %s', async (_name, receiveChecksum) => {
      const { host } = guest();
      const name = tapName(offered);
      await host.output(
        `ip address replace ${network}.1/24 dev ${name} && ` +
          `ip neighbour replace ${network}.2 lladdr ${nicMac(offered)} dev ${name}`,
      );
      const running = guest().startScript(
        portProgram(
          path,
          `const ports = [
            await openPort('${nicAddress(offered)}', { receiveChecksum: ${receiveChecksum} }),
            await openPort('${nicAddress(plain)}'),
          ];
          const open = { 6: 0, 17: 0 };
          const onPackets = (batch) => {
            for (let i = 0; i < batch.length; i++) {
              if (batch.pool.offloads[batch.packets[i]] & 1) open[batch.pool.bytes[batch.offset(i) + 23]]++;
            }
          };
          console.log('ready');
          await forward(...ports, { whenFull: 'wait', count: ${FRAMES + 1}, onPackets });
          print(open);
          for (const port of ports) port.close();`,
        ),
        runsAs(path),
      );
      await running.printed('ready');
      const recording = await guest()
        .cable(plain)
        .record({ from: 'guest', filter: 'udp or tcp', count: FRAMES + 1 });
      // One attempt to connect, and datagrams. Nobody answers.
      const sender = host.startScript(`
        import { createSocket } from 'node:dgram';
        import { connect } from 'node:net';
        const connection = connect(80, '${network}.2').on('error', () => {});
        const socket = createSocket('udp4');
        for (let i = 0; i < ${FRAMES}; i++) {
          await new Promise((sent) => socket.send(Buffer.alloc(101 + i, i), 2000, '${network}.2', sent));
        }
        setTimeout(() => { connection.destroy(); socket.close(); }, 500);`);
      const file = await recording.ended();
      expect(lastPrinted((await running.ended).stdout)).toEqual(
        receiveChecksum ? { 6: 1, 17: FRAMES } : { 6: 0, 17: 0 },
      );
      const statuses = tshark(file, FIELDS).map((row) => row.join());
      expect(statuses.toSorted()).toEqual([GOOD_TCP, ...Array<string>(FRAMES).fill(GOOD_UDP)].toSorted());
      await sender.ended;
      await host.output(`ip address flush dev ${name}`);
    });
  });
}
