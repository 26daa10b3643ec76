import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { available } from '../support/features.ts';
import { NOBODY, nobodyMayRead } from '../support/nobody.ts';
import { temporaryDirectory } from '../support/process.ts';
import { ixy, loopback, main } from './command.ts';

const USAGE = 2;
const FAILURE = 1;

/** One line on standard error that says `expected`, nothing on standard output. */
async function expectFailure(args: readonly string[], status: number, ...expected: string[]): Promise<void> {
  const ended = await ixy(...args);
  expect(ended).toMatchObject({ status, stdout: '' });
  expect(ended.errors).toHaveLength(1);
  for (const text of ['ixy: ', ...expected]) expect(ended.stderr).toContain(text);
}

/** What is typed, and what the answer says. */
const wrongUsage: readonly { readonly args: readonly string[]; readonly expected: readonly string[] }[] = [
  { args: ['captur'], expected: ["unknown command 'captur'", 'Did you mean capture?'] },
  { args: ['pktgen', loopback, '--sizee', '60'], expected: ["unknown option '--sizee'", 'Did you mean --size?'] },
  { args: ['pktgen'], expected: ["missing required argument 'port'"] },
  { args: ['info', 'a', 'b'], expected: ['too many arguments'] },
  { args: ['capture', loopback], expected: ["required option '-w, --write <file>'"] },
  { args: ['pktgen', loopback, '--rate', 'fast'], expected: ['--rate', "'fast' is invalid"] },
  { args: ['pktgen', loopback, '--size', '20'], expected: ['--size', 'from 60 to 9514'] },
  { args: ['pktgen', loopback, '--count', '-5'], expected: ['--count', 'whole number'] },
  { args: ['pktgen', loopback, '--src-ip', '10.0.0'], expected: ['--src-ip', 'looks like 10.0.0.1'] },
  { args: ['pktgen', loopback, '--src-ip', '::1'], expected: ['both be IPv4 or both be IPv6'] },
  { args: ['pktgen', loopback, '--dst-port', '9-3'], expected: ['--dst-port', 'must not end below its beginning'] },
  { args: ['pktgen', loopback, '--dst-mac', 'x'], expected: ['--dst-mac', 'MAC address'] },
  { args: ['capture', loopback, '-w', '-', '--format', 'pcapnf'], expected: ['--format', 'pcap, pcapng'] },
  { args: ['bind', '0000:03:00.0'], expected: ["missing required argument 'driver'"] },
  { args: ['bind', '0000:03:00.0', 'vfio'], expected: ["'vfio' is invalid", 'vfio-pci, uio_pci_generic, kernel'] },
  { args: ['bind', 'eth0', 'vfio-pci'], expected: ["'eth0' must be a PCI address"] },
  { args: ['unbind', 'eth0'], expected: ["'eth0' must be a PCI address"] },
  { args: ['info', 'nonsense'], expected: ['neither a PCI address', 'SCHEME:TARGET'] },
  { args: ['info', 'emulted:ixgbe'], expected: ['unknown scheme', "did you mean 'emulated'?"] },
  { args: ['info', 'emulated:ixgbe?wir=null'], expected: ["unknown parameter 'wir'", "did you mean 'wire'?"] },
  { args: ['info', 'emulated:ixgbe?wire'], expected: ['expected name=value'] },
  { args: ['info', 'emulated:ixgbe?loss=2'], expected: ["'loss'", 'probability'] },
];

describe('wrong usage ends in one clear line and exit code 2', () => {
  it.each(wrongUsage)('$args', ({ args, expected }) => expectFailure(args, USAGE, ...expected));
});

describe('what the machine cannot do ends in one clear line and exit code 1', () => {
  it('an unknown PCI address', () =>
    expectFailure(['info', '0000:ff:1f.7'], FAILURE, '0000:ff:1f.7', 'no such PCI device'));

  it('a file that cannot be written', () =>
    expectFailure(['pktgen', 'pcap:/nonexistent/x.pcap'], FAILURE, 'cannot create /nonexistent/x.pcap'));

  it('a file that is not there', () =>
    expectFailure(
      ['forward', 'pcap:/nonexistent/x.pcap?mode=read', loopback],
      FAILURE,
      'cannot open /nonexistent/x.pcap',
    ));

  it('a capture that is cut off', async () => {
    const path = join(temporaryDirectory(), 'cut.pcap');
    await ixy('pktgen', `pcap:${path}`, '--count', '10');
    truncateSync(path, 500);
    await expectFailure(['capture', `pcap:${path}`, '-w', '/dev/null'], FAILURE, path, 'ends inside the record');
  });

  it('a file that is no capture', () =>
    expectFailure(['capture', 'pcap:package.json', '-w', '/dev/null'], FAILURE, 'neither a pcap nor a pcapng'));
});

/** A device of this machine that must be refused before anything of it is touched. */
const otherDevice = readdirSync('/sys/bus/pci/devices').find(
  (name) => !readFileSync(join('/sys/bus/pci/devices', name, 'class'), 'latin1').startsWith('0x02'),
);

it.runIf(available('a device that is no NIC', otherDevice ? undefined : 'no PCI device here'))(
  'a device that is no NIC is refused',
  () => expectFailure(['info', otherDevice ?? ''], FAILURE, 'must be a network controller'),
);

it.runIf(available('a device that is no NIC', otherDevice ? undefined : 'no PCI device here'))(
  'a device that is no NIC is bound to nothing',
  async () => {
    await expectFailure(['bind', otherDevice ?? '', 'vfio-pci'], FAILURE, 'must be a network controller');
    await expectFailure(['unbind', otherDevice ?? '', '--force'], FAILURE, 'must be a network controller');
  },
);

it.runIf(available('no permission', nobodyMayRead(main)))('a TAP interface without permission is refused', () => {
  const args = [main, 'info', 'tap:ixy-none'];
  const { status, stderr } = spawnSync(process.execPath, args, { uid: NOBODY, gid: NOBODY, encoding: 'utf8' });
  expect(status).toBe(FAILURE);
  expect(stderr).toMatch(/^ixy: .*run as root.*\n$/);
});

it('gives the code of the error with --json', async () => {
  const { status, errors } = await ixy('info', 'nonsense', '--json');
  expect(status).toBe(USAGE);
  expect(errors.map((line) => JSON.parse(line))).toEqual([
    { type: 'error', code: 'ERR_PORT_URI', message: expect.stringContaining('nonsense') },
  ]);
});
