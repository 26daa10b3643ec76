/** What the suites share: the guest whose kernel drives the NIC, and the NIC. */
import type { Guest } from '../../vm/harness/guest.ts';
import type { JudgedNic } from './judged-nic.ts';

export interface Bench {
  readonly guest: () => Guest;
  readonly nic: () => JudgedNic;
}

/**
 * What must be true of the card: throws if it is not. A check needs an interface that is up, and leaves it as it was if it
 * passes; it comes to an end whatever the card does.
 */
export type Check = (bench: Bench) => Promise<void>;

/** The interface that the NIC's driver makes. */
export const INTERFACE = 'eth0';

/** Seconds until what the guest's kernel waits for has happened; and where the guest has them, if they are others. */
export const PATIENCE = 15;
const PATIENCE_FILE = '/run/patience';

/** A shell command that waits for a command to succeed, and fails if that takes too long. */
export function until(command: string): string {
  const loop = `until ${command}; do sleep 0.02; done`.replaceAll("'", `'\\''`);
  return `timeout $(cat ${PATIENCE_FILE} 2>/dev/null || echo ${PATIENCE}) sh -c '${loop}'`;
}

/** Has waits take this many seconds at most: for tests that expect to wait in vain. */
export async function setPatience({ guest }: Bench, seconds: number): Promise<void> {
  await guest().output(`echo ${seconds} >${PATIENCE_FILE}`);
}

/** A shell command that sends pings to the far end's `address` and fails if one of them gets no answer. */
export function ping(address: string, options = '-c 3 -i 0.01'): string {
  return `ping -q -n ${options} -W 2 ${address}`;
}

/** Whether the guest's kernel sees a link, as a condition of the shell. */
export function carrier(up: boolean): string {
  return `[ "$(cat /sys/class/net/${INTERFACE}/carrier)" = ${Number(up)} ]`;
}

/**
 * Runs a command that changes the card's registers, and waits until they have changed: writes are posted, and what reads
 * behind them comes behind them. Resolves to what the command prints.
 */
export function change({ guest }: Bench, command: string): Promise<string> {
  return guest().output(`${command} && head -c 64 /sys/class/net/${INTERFACE}/device/config >/dev/null`);
}

/** The interface's counters by name, as `ethtool -S` prints them: those of the driver and of the card. */
export async function driverCounters({ guest }: Bench): Promise<Record<string, number>> {
  const lines = (await guest().output(`ethtool -S ${INTERFACE}`)).split('\n').slice(1);
  return Object.fromEntries(lines.map((line) => line.split(':')).map(([name, value]) => [name.trim(), Number(value)]));
}

/** What the kernel's log has that a test may look for. */
export function kernelLog({ guest }: Bench, levels = ''): Promise<string> {
  return guest().output(`dmesg --notime ${levels}`);
}

export const WARNINGS = '--level=emerg,alert,crit,err,warn';
