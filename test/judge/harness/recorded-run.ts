/** Linux's driver from `modprobe` to `rmmod`, with every access of the card kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Access, observeInto } from '../../../scripts/linux-ixgbe/access.ts';
import type { PhaseName } from '../../../scripts/linux-ixgbe/phases/index.ts';
import type { Recording } from '../../../scripts/linux-ixgbe/recording.ts';
import { kernelRelease } from '../../vm/harness/setup.ts';
import { type Bench, carrier, INTERFACE, until } from './bench.ts';
import { FAR, GUEST } from './judged-nic.ts';

/** Processors that work queues and interrupts may use; those of the driver's process are another matter. */
const WORK_QUEUES = '/sys/devices/virtual/workqueue/cpumask';
const INTERRUPTS = '/proc/irq/default_smp_affinity';
const ONE = 1;
const ALL = 3;
/** On the same processor: with two of them at work on the card, no two runs would be the same. */
const ALONE = `taskset ${ONE}`;
/** Frames enough for the driver to give back buffers. */
const PINGS = 40;
/** The driver does something every two seconds, and is done within this time. */
const QUIET_MILLISECONDS = 300;
/** A driver that does nothing for so long will not do anything. */
const LONGEST_MILLISECONDS = 30_000;
const LOOK_MILLISECONDS = 20;

/** The series of the guest's kernel: '6.1'. Drivers hardly change within one. */
export function kernelSeries(): string {
  return kernelRelease().split('.').slice(0, 2).join('.');
}

/** The module must not be there, and is gone again afterwards. */
export async function recordLinux({ guest, nic }: Bench): Promise<Recording> {
  const phases: Record<PhaseName, Access[]> = { probe: [], up: [], running: [], down: [], removal: [] };
  const { regions } = nic().device;
  const others = regions.onAccess;
  const record = async (name: PhaseName, ...commands: string[]): Promise<void> => {
    const observe = observeInto(phases[name]);
    regions.onAccess = (...access) => {
      others(...access);
      observe(...access);
    };
    for (const command of commands) await guest().output(command);
  };
  await guest().output('echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6');
  await guest().output(`echo ${ONE} >${WORK_QUEUES} && echo ${ONE} >${INTERRUPTS}`);
  try {
    await record('probe', `${ALONE} modprobe ixgbe`);
    await record('up', `${ALONE} ip link set ${INTERFACE} up`, until(carrier(true)));
    await quiet(phases.up);
    const mac = await nic().far.mac();
    await nic().far.host.output(`ip neighbour replace ${GUEST.ip} lladdr ${GUEST.mac} dev ${nic().far.interface}`);
    await record(
      'running',
      `ip address add ${GUEST.ip}/24 dev ${INTERFACE} && ip neighbour add ${FAR.ip} lladdr ${mac} dev ${INTERFACE}`,
      `${ALONE} ping -q -n -c ${PINGS} -i 0.01 -W 5 ${FAR.ip}`,
    );
    await quiet(phases.running);
    await record('down', `${ALONE} ip link set ${INTERFACE} down`);
    await record('removal', `${ALONE} rmmod ixgbe`);
  } finally {
    regions.onAccess = others;
    await guest().output(`echo ${ALL} >${WORK_QUEUES} && echo ${ALL} >${INTERRUPTS}`);
  }
  return { kernel: kernelSeries(), phases };
}

/** Until the driver's timer has come twice, each time followed by silence: whatever was under way is done. */
async function quiet(accesses: readonly Access[]): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const before = accesses.length;
    const end = performance.now() + LONGEST_MILLISECONDS;
    while (accesses.length === before) {
      if (performance.now() >= end) throw new Error("the driver's timer does not come");
      await sleep(LOOK_MILLISECONDS);
    }
    for (let seen = 0; seen !== accesses.length; ) {
      seen = accesses.length;
      await sleep(QUIET_MILLISECONDS);
    }
  }
}
