import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketTemplate } from '../../src/packets/index.ts';
import { haveTap, ip, tapName } from '../support/tap.ts';
import { framesOf, openPort } from './port-support.ts';

const name = tapName('ixyp');
const HOST = '198.18.78.1';
const PEER = '198.18.78.2';
const PEER_MAC = '02:00:00:00:78:02';

/** Brings the interface up and gives the kernel an address on it; returns its MAC. */
function bringUp(): string {
  ip('link', 'set', name, 'up');
  ip('address', 'add', `${HOST}/30`, 'dev', name);
  ip('neighbour', 'replace', PEER, 'lladdr', PEER_MAC, 'dev', name);
  return readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim();
}

/** Receives until a packet contains `text`; gives all others back. */
function receiveUntil(port: NetDevice, text: string): Uint8Array | undefined {
  const batch = new PacketBatch(32);
  for (const end = performance.now() + 10_000; performance.now() < end; batch.free()) {
    port.rx[0].receive(batch);
    const found = framesOf(batch).find((frame) => Buffer.from(frame).includes(text));
    if (found) {
      batch.free();
      return found;
    }
  }
  return undefined;
}

/** Sends one packet. */
function send(port: NetDevice, { bytes, size }: PacketTemplate): number {
  const batch = new PacketBatch(1);
  batch.allocate(port.rx[0].pool, 1);
  batch.pool.bytes.set(bytes, batch.offset(0));
  batch.pool.length[batch.packets[0]] = size;
  return port.tx[0].transmit(batch);
}

describe.runIf(haveTap)('tap ports', () => {
  it.each([
    { how: 'directly', uri: `tap:${name}` },
    { how: 'through an emulated NIC', uri: `emulated:ixgbe?wire=tap:${name}&thread=0` },
  ])('exchange datagrams with the kernel $how', async ({ uri }) => {
    const port = await openPort(uri, { promiscuous: true });
    const mac = bringUp();
    await port.waitForLink();
    const socket = createSocket('udp4').bind(5000, HOST);
    onTestFinished(() => {
      socket.close();
    });
    await once(socket, 'listening');
    await new Promise((resolve) => socket.send('from the kernel', 6000, PEER, resolve));
    const frame = receiveUntil(port, 'from the kernel');
    expect(frame && Buffer.from(frame.subarray(0, 6)).toString('hex')).toBe(PEER_MAC.replaceAll(':', ''));

    const message = once(socket, 'message');
    const answer = new PacketTemplate({
      ethernet: { source: PEER_MAC, destination: mac },
      ipv4: { source: PEER, destination: HOST },
      udp: { sourcePort: 6000, destinationPort: 5000 },
      payload: 'from user space',
    });
    expect(send(port, answer)).toBe(1);
    expect(String((await message)[0])).toBe('from user space');
    expect(port.statistics()).toMatchObject({ txPackets: 1, txDropped: 0 });
  });

  it.each(['receive', 'transmit'] as const)('are gone with their interface, as the next %s notices', async (action) => {
    const port = await openPort(`tap:${name}`);
    expect(port.link().up).toBe(true);
    const events = Promise.all([once(port, 'link'), once(port, 'removed')]);
    ip('link', 'delete', name);
    const batch = new PacketBatch(1);
    batch.allocate(port.rx[0].pool, 1);
    batch.pool.length[batch.packets[0]] = 60;
    if (action === 'transmit') port.tx[0].transmit(batch);
    else port.rx[0].receive(new PacketBatch(1));
    const [[link], [removal]] = await events;
    expect(link).toMatchObject({ up: false, speed: 0 });
    expect(removal).toMatchObject({ code: 'ERR_DEVICE_GONE', message: expect.stringContaining(name) });
    batch.free();
  });

  it('say so when there is no such interface and none shall be made', async () => {
    await expect(openPort(`tap:${name}?create=0`)).rejects.toThrow(`run: ip tuntap add ${name} mode tap`);
  });
});
