import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ixy } from './command.ts';

const COMMANDS = ['list', 'info', 'pktgen', 'forward', 'capture', 'ports', 'bind', 'unbind', 'hugepages', 'doctor'];

describe('ixy --help', () => {
  it('names all commands, and what a port is', async () => {
    const { status, stdout, stderr } = await ixy('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(stdout).toContain('A PORT is');
  });

  it.each(COMMANDS.filter((command) => command !== 'ports'))('explains %s with examples', async (command) => {
    const { status, stdout, stderr } = await ixy(command, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Usage: ixy ${command}`);
    expect(stdout).toMatch(new RegExp(`Examples:\n  ixy ${command}`));
    expect(stdout).not.toContain('{"'); // defaults as one would write them
  });

  it('explains every kind of port', async () => {
    const { status, stdout } = await ixy('ports');
    expect(status).toBe(0);
    for (const text of ['0000:03:00.0', 'emulated:ixgbe', 'tap:NAME', 'pcap:FILE', 'wire='])
      expect(stdout).toContain(text);
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await ixy('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
  });
});
