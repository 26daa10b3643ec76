/** What this machine lets the demo have. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

const TIMEOUT_MILLISECONDS = 5000;

/** Why there can be no TAP interfaces in network namespaces of our own; undefined if there can. Leaves no trace. */
export async function whyNoKernelTraffic(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return 'it takes root; run: sudo npm run demo';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun; run: modprobe tun';
  try {
    await run('ip', ['-Version'], { timeout: TIMEOUT_MILLISECONDS });
  } catch {
    return "the program 'ip' does not run; install the package iproute2";
  }
  try {
    const inNamespace = ['--net', '--', 'ip', 'tuntap', 'add', 'dev', 'ixyprobe', 'mode', 'tap'];
    await run('unshare', inNamespace, { timeout: TIMEOUT_MILLISECONDS });
    return undefined;
  } catch (error) {
    return `root may not make them here: ${lastLine(error)}`;
  }
}

/** What the program said last, rather than which command failed. */
function lastLine(error: unknown): string {
  const { stderr = '', message = String(error) } = error as { stderr?: string; message?: string };
  return (stderr.trim() || message).split('\n').at(-1) ?? message;
}
