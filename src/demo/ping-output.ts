/** What `ping` says at its end: that of iputils, GNU inetutils and BusyBox alike. */
import type { Echoes } from './station-tasks.ts';

const COUNTS = /(\d+) packets transmitted, (\d+) (?:packets )?received/;
/** 'rtt min/avg/max/mdev = 0.1/0.2/0.3/0.0 ms', 'round-trip min/avg/max = …'; missing if nothing was answered. */
const TIMES = /min\/avg\/max\S* = ([\d.]+)\/([\d.]+)\//;

/** Throws if there is no such thing in `text`. */
export function parsePing(text: string): Echoes {
  const counts = COUNTS.exec(text);
  if (!counts) throw new Error(`ping did not say how many packets it received: ${text.trim()}`);
  const [, fastest, average] = TIMES.exec(text) ?? [];
  return { sent: Number(counts[1]), answered: Number(counts[2]), fastest: Number(fastest), average: Number(average) };
}
