/** Ends at once if it runs on its CPU alone; else it fails. */
import { readFileSync } from 'node:fs';

export default function affinity({ core }) {
  const [, cpus] = readFileSync('/proc/thread-self/status', 'utf8').match(/^Cpus_allowed_list:\s*(\S+)$/m);
  if (cpus !== String(core)) throw new Error(`it may run on ${cpus}`);
}
