import { describe, expect, it } from 'vitest';
import { ixy, loopback } from './command.ts';

describe('ixy info', () => {
  it('tells what a NIC is and can do', async () => {
    const { status, stdout, stderr } = await ixy('info', loopback);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const text of ['82599ES', 'ixgbe', 'up, 10 Gbit/s, full duplex', '1 RX of 64', '02:69:78:79:00:01']) {
      expect(stdout).toContain(text);
    }
  });

  it('tells how flows are spread over queues', async () => {
    const { stdout } = await ixy('info', loopback, '--queues', '3');
    expect(stdout).toContain('3 RX of 64, 3 TX of 64');
    expect(stdout).toMatch(/RSS +over queues 0, 1, 2, by ipv4, tcp4, udp4, ipv6, tcp6, udp6, key microsoft/);
    expect((await ixy('info', loopback)).stdout).toMatch(/RSS +off/);
    const { rss } = JSON.parse((await ixy('info', loopback, '--json', '--queues', '2')).stdout);
    expect(rss).toMatchObject({ queues: [0, 1], key: 'microsoft', hash: false });
  });

  it('dumps every register by name', async () => {
    const { status, stdout } = await ixy('info', loopback, '--registers');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ +CTRL +0x[0-9a-f]{8}$/m);
    expect(stdout).toMatch(/^ +RDT\[63\] +0x00000000$/m);
  });

  it('gives the same as JSON', async () => {
    const { stdout } = await ixy('info', loopback, '--registers', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      driver: 'ixgbe',
      link: { up: true, speed: 10_000 },
      capabilities: { maxRxQueues: 64 },
      counters: { violations: 0 },
      registers: { STATUS: expect.any(Number) },
    });
  });
});
