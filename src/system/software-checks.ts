/** What a run needs of programs, users and processors. */
import { createRequire } from 'node:module';
import { errorMessage } from '../errors.ts';
import { advice, type Check, ok, problem } from './check.ts';
import type { Machine } from './machine.ts';

/** Programs that commands and examples use, and the package that has them. */
const PROGRAMS = [
  ['ip', 'iproute2'],
  ['modprobe', 'kmod'],
  ['tcpdump', 'tcpdump'],
] as const;

const CPU = '/sys/devices/system/cpu';

/** '>=20.19': what package.json says. */
const { node: REQUIRED_NODE } = createRequire(import.meta.url)('../../package.json').engines as { node: string };

export function nodeVersion({ nodeVersion: found }: Machine): Check {
  const [major, minor] = numbers(found);
  const [leastMajor, leastMinor] = numbers(REQUIRED_NODE);
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok('Node.js', found);
  return problem('Node.js', found, `install Node.js ${REQUIRED_NODE}: https://nodejs.org`);
}

export function nativeAddon(machine: Machine): Check {
  try {
    machine.loadAddon();
    return ok('addon', 'loads');
  } catch (error) {
    return problem('addon', 'does not load', errorMessage(error));
  }
}

export function user({ userId }: Machine): Check {
  if (userId === 0) return ok('user', 'root');
  return advice(
    'user',
    `user ${userId}, not root`,
    'enough for emulated NICs, and for VFIO groups that are yours; ixy bind, ixy hugepages, UIO and sysfs need root (sudo)',
  );
}

export function tap(machine: Machine): Check {
  const file = '/dev/net/tun';
  if (!machine.has(file)) return advice('TAP', `no ${file}`, 'for tap: ports, run: sudo modprobe tun');
  if (machine.userId === 0) return ok('TAP', file);
  return advice(
    'TAP',
    `${file}, but not root`,
    'for tap: ports, run as root, or use an interface made for you: sudo ip tuntap add NAME mode tap user $USER',
  );
}

export function programs(machine: Machine): Check {
  const missing = PROGRAMS.filter(([name]) => !machine.hasProgram(name));
  if (missing.length === 0) return ok('programs', PROGRAMS.map(([name]) => name).join(', '));
  const packages = missing.map(([, name]) => name).join(' ');
  return advice('programs', `no ${missing.map(([name]) => name).join(', ')}`, `run: sudo apt install ${packages}`);
}

export function isolatedCores(machine: Machine): Check {
  const isolated = machine.read(`${CPU}/isolated`);
  if (isolated) return ok('isolated cores', isolated);
  return advice(
    'isolated cores',
    'none',
    'for steady rates, keep other work off a core: boot with isolcpus=2,3 and run: taskset -c 2 ixy …',
  );
}

export function governor(machine: Machine): Check {
  const policies = `${CPU}/cpufreq`;
  const governors = machine
    .list(policies)
    .flatMap((policy) => machine.read(`${policies}/${policy}/scaling_governor`) ?? []);
  const slow = [...new Set(governors)].filter((name) => name !== 'performance');
  if (slow.length > 0) {
    return advice(
      'CPU governor',
      slow.join(', '),
      `for steady rates, run: echo performance | sudo tee ${policies}/policy*/scaling_governor`,
    );
  }
  return ok('CPU governor', governors.length > 0 ? 'performance' : 'none: the frequency is not ours to choose');
}

/** Major and minor version. */
function numbers(version: string): [number, number] {
  const [major = 0, minor = 0] = (version.match(/\d+/g) ?? []).map(Number);
  return [major, minor];
}
