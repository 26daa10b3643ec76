/** What the forwarder holds: `ixy forward` between two emulated NICs on threads, at full load, as a process of its own. */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Running } from '../cli/command.ts';

const LIMIT = 250;
/** Megabytes that the kernel's count may be off by, and the collector may let lie for a while. */
const SLACK = 10;
const WARM_UP_SECONDS = 4;
const SECONDS = 10;

/** Resident megabytes of a process. */
function resident(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

test(`forwarding stays under ${LIMIT} MB and does not grow`, async () => {
  const ports = ['emulated:ixgbe?wire=generator&check=0', 'emulated:ixgbe?wire=loopback'];
  const running = new Running(['forward', ...ports, '--json']);
  const { pid = 0 } = running.process;
  await running.printed();
  await setTimeout(WARM_UP_SECONDS * 1000);
  const samples: number[] = [];
  for (let second = 0; second < SECONDS; second++) {
    samples.push(resident(pid));
    await setTimeout(1000);
  }
  running.process.kill('SIGINT');
  const { status, lines, stderr } = await running.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { directions } = JSON.parse(lines[lines.length - 1]);
  expect(directions[0].forwarded).toBeGreaterThan(1e6);
  expect(Math.max(...samples)).toBeLessThan(LIMIT);
  const third = Math.floor(SECONDS / 3);
  const [early, late] = [samples.slice(0, third), samples.slice(-third)].map((part) => Math.min(...part));
  expect(late - early).toBeLessThan(SLACK);
}, 60_000);
