import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { type ServedDevice, VfioUserServer } from '../../../src/emulation/vfio-user/index.ts';
import { Cable } from '../../../src/emulation/wires/index.ts';
import { addon } from '../../../src/native/addon.ts';
import { VfioUserClient } from '../../../src/pci/vfio-user/client.ts';
import { setNonBlocking } from '../../../src/pci/vfio-user/descriptors.ts';
import { regionAccess } from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';
import { openDescriptors, temporaryDirectory } from '../../support/process.ts';
import { servedIxgbe } from './lab.ts';
import { post } from './messages.ts';

interface Running {
  readonly server: VfioUserServer;
  readonly paths: readonly string[];
  readonly log: string[];
  /** Ends the server in order. */
  readonly stop: () => Promise<void>;
}

/** Serves the devices until the test is over. */
function serve(...devices: ServedDevice[]): Running {
  const directory = temporaryDirectory();
  const paths = devices.map((_, i) => join(directory, `nic${i}.sock`));
  const log: string[] = [];
  const server = new VfioUserServer(
    devices.map((device, i) => ({ path: paths[i], device })),
    (message) => log.push(message.replace(`${directory}/`, '')),
  );
  const controller = new AbortController();
  const ended = server.run(controller.signal);
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    controller.abort();
    await ended;
    server.close();
  };
  onTestFinished(stop);
  return { server, paths, log, stop };
}

/** A client that the server has taken, or sent away. It shares the server's thread: while it waits, the server works. */
async function connect({ server, paths, log }: Running, index = 0): Promise<VfioUserClient> {
  const before = log.length;
  const socket = addon().connect(paths[index]);
  setNonBlocking(socket);
  await until(() => log.length > before);
  const client = new VfioUserClient('test', socket, { wait: () => void server.turn() });
  onTestFinished(() => client.close());
  return client;
}

function read32(client: VfioUserClient, offset: number): number {
  const reply = client.call(COMMAND.REGION_READ, regionAccess.encode({ offset, region: 0, count: 4 }));
  return Buffer.from(regionAccess.data(reply, 4)).readUInt32LE();
}

function write32(client: VfioUserClient, offset: number, value: number): void {
  const data = new Uint8Array(new Uint32Array([value]).buffer);
  client.call(COMMAND.REGION_WRITE, regionAccess.encode({ offset, region: 0, count: 4 }, data));
}

/** Lets the event loop, and with it the server, go on until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

const { EERD } = ixgbe;
const SCRATCH = ixgbe.RAL.at(1);

describe('a server', () => {
  it('makes its socket files, and removes them', async () => {
    const before = openDescriptors();
    const running = serve(servedIxgbe(), servedIxgbe());
    expect(running.paths.map(existsSync)).toEqual([true, true]);
    const client = await connect(running);
    await running.stop();
    expect(running.paths.map(existsSync)).toEqual([false, false]);
    expect(running.log.at(-1)).toBe('nic0.sock: the connection has ended: the server ends');
    expect(() => read32(client, SCRATCH)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE' }));
    client.close();
    await until(() => openDescriptors() === before);
  });

  it('serves one client after the other, each with a device as new', async () => {
    const running = serve(servedIxgbe());
    for (const number of [1, 2, 3]) {
      const client = await connect(running);
      expect(read32(client, SCRATCH)).toBe(0);
      write32(client, SCRATCH, number);
      expect(read32(client, SCRATCH)).toBe(number);
      client.close();
      await until(() => !running.server.ports[0].connected);
    }
    expect(running.server.ports[0].clients).toBe(3);
    expect(running.log).toEqual(
      [1, 2, 3].flatMap(() => [
        'nic0.sock: a client has come',
        'nic0.sock: the connection has ended: the client has closed it',
      ]),
    );
  });

  it('works by itself once a client is there', async () => {
    const running = serve(servedIxgbe());
    const client = await connect(running);
    const before = running.server.ports[0].device.model.now;
    await until(() => running.server.ports[0].device.model.now > before + 5e6);
    expect(read32(client, SCRATCH)).toBe(0);
  });

  it('lets time pass between messages, however fast they come', async () => {
    const running = serve(servedIxgbe());
    const client = await connect(running);
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now++);
    onTestFinished(() => clock.mockRestore());
    // The EEPROM takes a few microseconds for a word; both messages are there when the server looks.
    const data = new Uint8Array(new Uint32Array([EERD.bits.START.mask]).buffer);
    post(client, COMMAND.REGION_WRITE, regionAccess.encode({ offset: EERD.at(0), region: 0, count: 4 }, data));
    expect(read32(client, EERD.at(0)) & EERD.bits.DONE.mask).not.toBe(0);
  });

  it('sends a second client away', async () => {
    const running = serve(servedIxgbe());
    const first = await connect(running);
    await expect(connect(running)).rejects.toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    expect(running.log.at(-1)).toBe('nic0.sock: a second client was sent away');
    expect(read32(first, SCRATCH)).toBe(0);
  });

  it('serves several devices, which may be linked', async () => {
    const cable = new Cable();
    const devices = [servedIxgbe(), servedIxgbe()];
    devices.forEach((device, i) => {
      device.model.wire = cable.ends[i];
    });
    const running = serve(...devices);
    const clients = [await connect(running, 0), await connect(running, 1)];
    write32(clients[0], SCRATCH, 1);
    write32(clients[1], SCRATCH, 2);
    expect(clients.map((client) => read32(client, SCRATCH))).toEqual([1, 2]);
  });

  it('tells why a client lost its connection, and what it refused, but not without end', async () => {
    const running = serve(servedIxgbe());
    const client = await connect(running);
    for (let i = 0; i < 30; i++) expect(() => client.call(99, new Uint8Array(0))).toThrow('errno 95');
    expect(running.log).toHaveLength(22);
    expect(running.log.slice(1, 3)).toEqual(Array(2).fill('nic0.sock: refused: command 99 is not supported'));
    expect(running.log.at(-1)).toBe('nic0.sock: further refusals are not told of');
    expect(() => client.call(COMMAND.DMA_MAP, new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'ERR_DEVICE_GONE' }),
    );
    expect(running.log.at(-1)).toBe('nic0.sock: the connection has ended: DMA_MAP: the payload has 32 bytes, found 1');
  });

  it('survives a device that fails', async () => {
    const device = servedIxgbe();
    const running = serve(device);
    await connect(running);
    const { step } = device.model;
    device.model.step = () => {
      throw new Error('broken');
    };
    await until(() => !running.server.ports[0].connected);
    expect(running.log.at(-1)).toBe('nic0.sock: the connection has ended: the device failed: broken');
    device.model.step = step;
    expect(read32(await connect(running), SCRATCH)).toBe(0);
  });

  it('survives a device that fails as time passes, while another one is served', async () => {
    const devices = [servedIxgbe(), servedIxgbe()];
    const running = serve(...devices);
    const [, other] = [await connect(running, 0), await connect(running, 1)];
    const { advance } = devices[0].model;
    devices[0].model.advance = () => {
      devices[0].model.advance = advance;
      throw new Error('broken');
    };
    expect(read32(other, SCRATCH)).toBe(0);
    expect(running.log.at(-1)).toBe('nic0.sock: the connection has ended: the device failed: broken');
    expect(running.server.ports.map(({ connected }) => connected)).toEqual([false, true]);
  });

  it('replaces the socket of a server that was killed, and no other file', () => {
    const path = join(temporaryDirectory(), 'socket');
    addon().close(addon().listen(path, 1));
    const at = (log: (message: string) => void = () => {}) =>
      new VfioUserServer([{ path, device: servedIxgbe() }], log);
    const server = at();
    const before = openDescriptors();
    expect(() => at()).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_BUSY' }));
    server.close();
    writeFileSync(path, 'precious');
    expect(() => at()).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    expect(existsSync(path)).toBe(true);
    expect(openDescriptors()).toBe(before - 2);
  });

  it('needs a path that can be', () => {
    for (const path of ['', 'x'.repeat(200)]) {
      expect(() => new VfioUserServer([{ path, device: servedIxgbe() }], () => {})).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      );
    }
    expect(() => new VfioUserServer([{ path: '/no/such/place', device: servedIxgbe() }], () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_SYSTEM' }),
    );
  });
});
