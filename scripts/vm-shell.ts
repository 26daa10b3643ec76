/** `npm run vm`: a shell in a virtual machine (docs/vm-tests.md) with two NICs that are ready for ixy.ts. */
import { execFileSync } from 'node:child_process';
import { Guest } from '../test/vm/harness/guest.ts';
import type { Machine } from '../test/vm/harness/machine.ts';
import { missingFor } from '../test/vm/harness/missing.ts';
import { type Nic, nicAddress } from '../test/vm/harness/nics.ts';
import { PROJECT } from '../test/vm/harness/setup.ts';

/** All on one cable. The kernel keeps the third one: it listens even when nobody else does, as senders need. */
const ONE = { model: 'virtio-modern', slot: 4, cable: 1 } as const satisfies Nic;
const OTHER = { model: 'virtio-packed', slot: 5, cable: 1 } as const satisfies Nic;
const KERNELS = { model: 'virtio-modern', slot: 6, cable: 1 } as const satisfies Nic;
const MACHINE: Machine = { nics: [ONE, OTHER, KERNELS], iommu: true, hugePages: 64, terminal: true };

/** As long as a timer can be. */
const FOR_EVER = 2 ** 31 - 1;

const banner = (own: string): string => `
This is a virtual machine on your own files; what you write is gone with it. It has two virtio NICs, bound to vfio-pci,
on one cable, on which the kernel's ${own} listens too. Try

  ixy list
  ixy capture ${nicAddress(ONE)} -w - 2>/dev/null | tcpdump -nr - &
  ixy pktgen ${nicAddress(OTHER)} --rate 5pps --duration 5

'exit' ends it.
`;

async function prepare(guest: Guest): Promise<string> {
  const ixy = `${PROJECT}/dist/cli/main.js`;
  const own = await guest.interfaceOf(KERNELS);
  await guest.output(`
    hostname guest
    chmod +x ${ixy} && ln -sf ${ixy} /usr/local/bin/ixy
    echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set ${own} up`);
  for (const nic of [ONE, OTHER]) await guest.output(`ixy bind ${nicAddress(nic)} vfio-pci`);
  return banner(own);
}

async function main(): Promise<number> {
  const missing = missingFor(MACHINE);
  if (missing !== undefined) {
    console.error(`npm run vm: ${missing}`);
    return 1;
  }
  if (!process.stdin.isTTY) {
    console.error('npm run vm: a shell takes a terminal; found none on standard input');
    return 1;
  }
  const settings = execFileSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' }).trim();
  console.log('booting …');
  const guest = await Guest.boot(MACHINE);
  try {
    const { columns, rows } = process.stdout;
    process.stdout.write((await prepare(guest)).replaceAll('\n', '\r\n'));
    const { status } = await guest.terminal(
      `stty rows ${rows} columns ${columns}; [ -r ~/.bashrc ] || HOME=/tmp; exec bash -i`,
      FOR_EVER,
    );
    return status;
  } finally {
    await guest.close();
    execFileSync('stty', [settings], { stdio: 'inherit' }); // QEMU made it raw
  }
}

process.exitCode = await main();
