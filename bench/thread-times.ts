/** What the calling thread has had of the machine (Linux, Documentation/scheduler/sched-stats.rst). */
import { readFileSync } from 'node:fs';

interface ThreadTimes {
  /** Nanoseconds on a CPU. */
  readonly running: number;
  /** Nanoseconds in which it could have run, but others had the CPUs. */
  readonly waiting: number;
}

export function threadTimes(): ThreadTimes {
  const [running, waiting] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ').map(Number);
  return { running, waiting };
}
