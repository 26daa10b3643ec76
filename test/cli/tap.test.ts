import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { available } from '../support/features.ts';
import { runTool } from '../support/tools.ts';
import { Running } from './command.ts';

const ip = (...args: string[]) => runTool('ip', ...args);

function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun';
  if (spawnSync('ping', ['-V']).error) return 'no ping';
  const probe = `ixy-probe-${process.pid}`;
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return 'no network namespaces';
  ip('netns', 'delete', probe);
  return undefined;
}

/** Moves an interface that a command has made into a namespace of its own, with an address. */
function plug(name: string, address: string): string {
  const namespace = `${name}-ns`;
  ip('netns', 'add', namespace);
  onTestFinished(() => {
    ip('netns', 'delete', namespace);
  });
  ip('link', 'set', name, 'netns', namespace);
  ip('-n', namespace, 'address', 'add', address, 'dev', name);
  ip('-n', namespace, 'link', 'set', name, 'up');
  return namespace;
}

it.runIf(available('traffic of the kernel through ixy forward', missing()))(
  'ixy forward carries traffic of the kernel between two TAP interfaces',
  async () => {
    const [left, right] = [`ixyl${process.pid}`, `ixyr${process.pid}`];
    const running = new Running(['forward', `tap:${left}`, `tap:${right}`]);
    await running.printed();
    const here = plug(left, '10.255.77.1/24');
    plug(right, '10.255.77.2/24');
    const output = ip('netns', 'exec', here, 'ping', '-i', '0.01', '-c', '100', '-w', '10', '10.255.77.2');
    expect(output).toContain('100 received');
    running.process.kill('SIGINT');
    const { status, stderr } = await running.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);

it.runIf(available('a TAP interface that is deleted', missing()))(
  'ixy ends when the TAP interface is deleted, and says so',
  async () => {
    const name = `ixyd${process.pid}`;
    const running = new Running(['forward', `tap:${name}`, 'emulated:ixgbe']);
    await running.printed();
    ip('link', 'delete', name);
    const { status, errors } = await running.ended;
    expect({ status, errors }).toEqual({
      status: 1,
      errors: [`ixy: tap:${name}: the interface was deleted while in use`],
    });
  },
);
