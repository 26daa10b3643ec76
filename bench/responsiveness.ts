/** What else a program that polls without a pause gets done: timers, and ending when it is told to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { poll } from 'ixy.ts';
import { IDLE, LOADED, withForwarder } from './forwarding.ts';
import { newHistogram, type Percentiles, percentiles } from './statistics.ts';
import { threadTimes } from './thread-times.ts';

const TIMER_MILLISECONDS = 1;
const WARM_UP_MILLISECONDS = 100;

/** How late timers are, in microseconds. */
export interface TimerDelays {
  readonly late: Percentiles;
  /** The same without the time in which the thread could have run, but others had the CPUs. */
  readonly lateByLoop: Percentiles;
}

/** Timers of 1 ms, while a forwarder polls in mode 'busy' under full load. */
export function measureTimers(milliseconds: number): Promise<TimerDelays> {
  return withForwarder(LOADED, async (forwarder) => {
    const late = newHistogram();
    const lateByLoop = newHistogram();
    const step = () => forwarder.step();
    const runFor = (duration: number) => {
      const end = performance.now() + duration;
      return poll(step, { mode: 'busy', until: () => performance.now() >= end });
    };
    await runFor(WARM_UP_MILLISECONDS);
    let timer: NodeJS.Timeout | undefined;
    const set = (): void => {
      const { waiting } = threadTimes();
      const due = performance.now() + TIMER_MILLISECONDS;
      timer = setTimeout(() => {
        const nanoseconds = Math.max(0, (performance.now() - due) * 1e6);
        late.recordValue(nanoseconds);
        lateByLoop.recordValue(Math.max(0, nanoseconds - (threadTimes().waiting - waiting)));
        set();
      }, TIMER_MILLISECONDS);
    };
    set();
    await runFor(milliseconds);
    clearTimeout(timer);
    return { late: percentiles(late), lateByLoop: percentiles(lateByLoop) };
  });
}

/** Milliseconds from SIGINT to the end of `ixy forward`, which is at full load. */
export async function measureInterruption(): Promise<number> {
  const ixy = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const command = spawn(process.execPath, [ixy, 'forward', LOADED, IDLE, '--poll-mode', 'busy', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(command, 'exit');
  await Promise.race([once(command.stdout, 'data'), ended]); // the first second's rates
  const start = performance.now();
  command.kill('SIGINT');
  const [status] = await ended;
  if (status !== 0) throw new Error(`ixy forward ended with status ${status}`);
  return performance.now() - start;
}
