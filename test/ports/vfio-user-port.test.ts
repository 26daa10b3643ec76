/** Ports that another process serves: `ixy serve` in one, our driver in another. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { forward, type PollMode } from '../../src/apps/index.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { open } from '../../src/ports/index.ts';
import { main, Running } from '../cli/command.ts';
import { expectFrames, frame } from '../proofs/lab.ts';
import { available } from '../support/features.ts';
import { NOBODY, nobodyMayRead } from '../support/nobody.ts';
import { mappingsOf, openDescriptors, temporaryDirectory } from '../support/process.ts';
import { framesOf, openPort } from './port-support.ts';
import { Server } from './served-ports.ts';

/** A cable between two NICs. */
function cabled(left: string, right: string): Promise<Server> {
  return Server.start(...[left, right].map((nic) => `emulated:${nic}?wire=cable:a&strict=1`));
}

async function openPair({ uris }: Server): Promise<NetDevice[]> {
  const ports = [await openPort(uris[0], { promiscuous: true }), await openPort(uris[1], { promiscuous: true })];
  for (const port of ports) await port.waitForLink();
  return ports;
}

function batchOf({ rx: [{ pool }] }: NetDevice, frames: readonly Uint8Array[]): PacketBatch {
  const batch = new PacketBatch(64);
  batch.allocate(pool, frames.length);
  for (const [i, bytes] of frames.entries()) {
    pool.length[batch.packets[i]] = bytes.length;
    pool.bytes.set(bytes, batch.offset(i));
  }
  return batch;
}

/** Sends frames, and returns those that arrive, once they are as many. */
async function exchange(from: NetDevice, to: NetDevice, frames: readonly Uint8Array[]): Promise<Uint8Array[]> {
  from.tx[0].transmit(batchOf(from, frames));
  return arrivals([to], frames.length);
}

async function arrivals(ports: readonly NetDevice[], count: number): Promise<Uint8Array[]> {
  const received: Uint8Array[] = [];
  const batch = new PacketBatch(64);
  while (received.length < count) {
    for (const { rx } of ports) {
      rx[0].receive(batch);
      received.push(...framesOf(batch));
      batch.free();
    }
    await setImmediate();
  }
  return received;
}

async function failure(opening: Promise<NetDevice>): Promise<unknown> {
  try {
    (await opening).close();
  } catch (error) {
    return error;
  }
  throw new Error('the port was opened');
}

describe.each([
  ['ixgbe', 'ixgbe'],
  ['virtio', 'virtio'],
  ['ixgbe', 'virtio'],
])('%s and %s, served by another process', (left, right) => {
  it('carry frames both ways, unchanged, and their drivers break no rule', async () => {
    const server = await cabled(left, right);
    const [a, b] = await openPair(server);
    expect([a.driver, b.driver]).toEqual([left, right]);
    for (let round = 0; round < 20; round++) {
      const frames = Array.from({ length: 48 }, (_, i) => frame(round * 48 + i, 60 + ((round * 48 + i) % 1455)));
      expectFrames(await exchange(a, b, frames), frames);
      expectFrames(await exchange(b, a, frames), frames);
    }
    for (const port of [a, b]) {
      expect(port.statistics()).toMatchObject({ rxPackets: 960, txPackets: 960, rxDropped: 0, txDropped: 0 });
      port.close();
    }
    expect(await server.end()).toMatchObject([{ violations: 0 }, { violations: 0 }]);
  });

  it.each<PollMode>(['busy', 'interrupt', 'adaptive'])(
    'are forwarded between, by a loop that is %s',
    async (pollMode) => {
      const server = await cabled(left, right);
      const [a, b] = await openPair(server);
      const frames = Array.from({ length: 16 }, (_, i) => frame(i, 60 + 10 * i));
      a.tx[0].transmit(batchOf(a, frames));
      // What one sends, the other receives: they go round.
      const directions = await forward(a, b, { count: 5000, pollMode });
      const sum = (name: 'received' | 'dropped') => directions.reduce((total, direction) => total + direction[name], 0);
      expect(sum('received')).toBeGreaterThanOrEqual(5000);
      expect(sum('dropped')).toBe(0);
      const remaining = await arrivals([a, b], frames.length);
      expectFrames(
        remaining.toSorted((one, other) => one.length - other.length),
        frames,
      );
      for (const port of [a, b]) port.close();
      const summary = await server.end();
      expect(summary).toMatchObject([{ violations: 0 }, { violations: 0 }]);
      if (pollMode === 'interrupt') expect(summary[0].interrupts + summary[1].interrupts).toBeGreaterThan(1);
    },
  );
});

describe.each(['ixgbe', 'virtio'])('%s, served by another process', (nic) => {
  it('is removed when its server is killed, in the middle of traffic', async () => {
    await setTimeout(0);
    const before = [openDescriptors(), mappingsOf('ixy-d')];
    const server = await Server.start(`emulated:${nic}?wire=loopback`);
    const port = await openPort(server.uris[0], { promiscuous: true });
    await port.waitForLink();
    let removal: Error | undefined;
    port.on('removed', (error) => {
      removal = error;
    });
    const batch = batchOf(port, [frame(1, 60), frame(2, 200)]);
    let rounds = 0;
    for (; removal === undefined; rounds++) {
      port.tx[0].transmit(batch);
      port.rx[0].receive(batch);
      if (rounds === 1000) await server.kill();
      await setImmediate();
    }
    expect(rounds).toBeGreaterThan(1000);
    expect(removal).toMatchObject({ code: 'ERR_DEVICE_GONE', message: expect.stringMatching(/server has closed/) });
    batch.free();
    expect(port.link().up).toBe(false);
    port.close();
    while (openDescriptors() > before[0]) await setImmediate();
    expect([openDescriptors(), mappingsOf('ixy-d')]).toEqual(before);
  });

  it('is there for the next client when one was killed, and keeps nothing of that', async () => {
    const server = await Server.start(`emulated:${nic}?wire=null`);
    const before = server.descriptors;
    for (let round = 0; round < 2; round++) {
      const client = new Running(['pktgen', server.uris[0], '--json']);
      await client.printed();
      expect(server.descriptors).toBeGreaterThan(before);
      client.process.kill('SIGKILL');
      await client.ended;
    }
    const port = await openPort(server.uris[0]);
    await port.waitForLink();
    port.close();
    while (server.descriptors !== before) await setTimeout(1);
    expect(await server.end()).toMatchObject([{ clients: 3 }]);
  });
});

describe('a port that is served', () => {
  it('is opened again at once', async () => {
    const server = await Server.start('emulated:ixgbe?wire=null');
    for (let round = 0; round < 5; round++) {
      const port = await openPort(server.uris[0]);
      expect(port).toMatchObject({ name: server.uris[0], driver: 'ixgbe' });
      port.close();
    }
  });

  it('has one client', async () => {
    const server = await Server.start('emulated:ixgbe?wire=null');
    const port = await openPort(server.uris[0]);
    expect(await failure(open(server.uris[0]))).toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      message: `${server.sockets[0]}: the server has closed the connection at once; has it another client?`,
    });
    expect(port.link().up).toBe(true);
  });

  it.each([
    ['vfio-user:', 'ERR_PORT_URI', /expected vfio-user:PATH/],
    ['vfio-user:/run/x?rings=split', 'ERR_PORT_URI', /did you mean 'ring'/],
    ['vfio-user:/no/such/socket', 'ERR_DEVICE_NOT_FOUND', /no device is served there/],
    ['vfio-user:/dev/null', 'ERR_DEVICE_NOT_FOUND', /no device is served there/],
    [`vfio-user:/${'x'.repeat(200)}`, 'ERR_ARGUMENT', /no device is served there/],
  ])('cannot be %s', async (uri, code, message) => {
    expect(await failure(open(uri))).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('takes parameters for what it is', async () => {
    const server = await Server.start('emulated:ixgbe?wire=null', 'emulated:virtio?wire=null');
    expect(await failure(open(`${server.uris[0]}?ring=split`))).toMatchObject({ code: 'ERR_PORT_URI' });
    const port = await openPort(`${server.uris[1]}?ring=split`);
    expect(port.description).toMatch(/split rings/);
    expect((await openPort(server.uris[0])).driver).toBe('ixgbe');
  });

  /** Runs a program that listens at the socket until the test is over, and prints a line first. */
  async function listening(program: string): Promise<string> {
    const path = join(temporaryDirectory(), 'socket');
    const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', program, path]);
    onTestFinished(() => void child.kill('SIGKILL'));
    if (child.stdout) await once(child.stdout, 'data');
    return path;
  }

  it('is told from other things that listen', async () => {
    const path = await listening(`
      import { createServer } from 'node:net';
      createServer((socket) => socket.write('HTTP/1.1 400 Bad Request\\r\\n\\r\\n')).listen(process.argv[1], () => console.log());
    `);
    expect(await failure(open(`vfio-user:${path}`))).toMatchObject({
      code: 'ERR_BAD_PACKET',
      message: expect.stringMatching(/what listens there does not speak vfio-user/),
    });
  });

  it.each([
    ['that no driver knows', 'deviceId: 0x10ed', '', /10ed/],
    ['without doorbells', '', 'device.doorbells.share = () => {};', /the server has no memory for doorbells/],
  ])('cannot be an 82599 %s', async (_, options, change, message) => {
    const path = await listening(`
      import { ServedDevice, VfioUserServer } from ${JSON.stringify(resolve('dist/emulation/vfio-user/index.js'))};
      const device = ServedDevice.create('ixgbe', { ${options} });
      ${change}
      const server = new VfioUserServer([{ path: process.argv[1], device }], () => {});
      console.log();
      await server.run(new AbortController().signal);
    `);
    const before = openDescriptors();
    expect(await failure(open(`vfio-user:${path}`))).toMatchObject({
      code: 'ERR_DEVICE_UNSUPPORTED',
      message: expect.stringMatching(message),
    });
    while (openDescriptors() > before) await setImmediate();
  });
});

describe.runIf(available('a port that nobody serves', nobodyMayRead(main)))('neither side', () => {
  it('needs a privilege', async () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o777);
    const path = join(directory, 'nic.sock');
    const user = { uid: NOBODY, gid: NOBODY };
    const args = [main, 'serve', 'emulated:ixgbe?wire=null', '-s', path];
    const server = spawn(process.execPath, args, { ...user, stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void server.kill('SIGKILL'));
    await once(server.stdout, 'data');
    const client = [main, 'pktgen', `vfio-user:${path}`, '-n', '5000'];
    const { status, stdout, stderr } = spawnSync(process.execPath, client, { ...user, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/sent 5,0\d\d packets/);
  });
});
