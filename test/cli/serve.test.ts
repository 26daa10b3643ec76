import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { VfioUserClient } from '../../src/pci/vfio-user/client.ts';
import { REGION, regionAccess } from '../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../src/pci/vfio-user/protocol.ts';
import { temporaryDirectory } from '../support/process.ts';
import { ixy, Running } from './command.ts';

function connect(path: string, doorbells = false): VfioUserClient {
  const client = VfioUserClient.open(path, { doorbells });
  onTestFinished(() => client.close());
  return client;
}

function read32(client: VfioUserClient, region: number, offset: number): number {
  const reply = client.call(COMMAND.REGION_READ, regionAccess.encode({ offset, region, count: 4 }));
  return Buffer.from(regionAccess.data(reply, 4)).readUInt32LE();
}

describe('ixy serve', () => {
  it('serves NICs until it is interrupted, and tells what was done with them', async () => {
    const directory = temporaryDirectory();
    const [left, right, trace] = ['left.sock', 'right.sock', 'trace.txt'].map((name) => join(directory, name));
    const nics = ['emulated:ixgbe?wire=cable:a&mac=02:00:00:00:00:0a', 'emulated:virtio?wire=cable:a'];
    const command = new Running(['serve', ...nics, '-s', left, '-s', right, '--trace', trace]);
    await command.printed();
    const clients = [connect(left), connect(right)];
    expect(clients.map((client) => read32(client, REGION.config, 0))).toEqual([0x10fb_8086, 0x1000_1af4]);
    expect(read32(clients[0], 0, ixgbe.RAL.at(0))).toBe(0x0000_0002);
    clients[0].close();
    expect(() => VfioUserClient.open(trace)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_NOT_FOUND' }));
    command.process.kill('SIGINT');
    const { status, lines, errors } = await command.ended;
    expect([status, errors]).toEqual([0, []]);
    expect(lines.slice(0, 2)).toEqual([`${left}: waiting for a client`, `${right}: waiting for a client`]);
    expect(lines).toContain(`${left}: a client has come`);
    expect(lines).toContain(
      `${left}: clients 1, registers read 2 and written 0, interrupts 0, frames sent 0 and received 0`,
    );
    expect([left, right].map(existsSync)).toEqual([false, false]);
    const [, , ral] = readFileSync(trace, 'utf8').split('\n');
    expect(ral).toMatch(/left\.sock {2} +\d+\.\d{3} ms {2}R {2}RAL\[0\] +0x00000002$/);
  });

  it('says in the trace where that begins to miss something', async () => {
    const directory = temporaryDirectory();
    const [path, trace] = ['nic.sock', 'trace.txt'].map((name) => join(directory, name));
    const command = new Running(['serve', 'emulated:ixgbe', '-s', path, '--trace', trace]);
    await command.printed();
    read32(connect(path, true), REGION.config, 0);
    command.process.kill('SIGINT');
    await command.ended;
    expect(readFileSync(trace, 'utf8').split('\n')).toEqual([
      expect.stringMatching(/^ +\d+\.\d{3} ms {2}from here on the driver rings doorbells in shared memory/),
      expect.stringMatching(/ms {2}R {2}config 0x00 vendor +0x10fb8086$/),
      '',
    ]);
  });

  it('prints JSON, too', async () => {
    const path = join(temporaryDirectory(), 'nic.sock');
    const command = new Running(['serve', 'emulated:ixgbe?wire=loopback', '-s', path, '--json']);
    await command.printed();
    command.process.kill('SIGTERM');
    const { status, lines } = await command.ended;
    expect(status).toBe(0);
    const objects = lines.map((line) => JSON.parse(line));
    expect(objects[0]).toEqual({ type: 'event', message: `${path}: waiting for a client` });
    expect(objects.at(-1)).toMatchObject({
      type: 'summary',
      ports: [{ socket: path, clients: 0, reads: 0, violations: 0 }],
    });
  });

  it.each([
    ['a NIC without a socket', ['emulated:ixgbe', 'emulated:ixgbe', '-s', '/tmp/a'], /2 NICs, 1 sockets/],
    ['a port that is no emulated NIC', ['tap:x', '-s', '/tmp/a'], /is no emulated NIC; expected emulated:ixgbe/],
    ['what is about a driver', ['emulated:ixgbe?thread=0', '-s', '/tmp/a'], /unknown parameter 'thread'/],
    ['a path too long', ['emulated:ixgbe', '-s', 'x'.repeat(120)], /a socket's path has 1 to 107 bytes/],
    ['no socket', ['emulated:ixgbe'], /required option '-s, --socket <path>'/],
  ])('does not take %s', async (_, args, message) => {
    const { status, errors } = await ixy('serve', ...args);
    expect(status).toBe(2);
    expect(errors).toEqual([expect.stringMatching(message)]);
  });
});
