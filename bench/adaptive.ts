/** How loops wait for packets: what it costs under load and without any, and how soon they, and others, have their turn. */
import { type ModeIdleCpu, type ModeThroughput, measureIdleCpu, measureThroughput } from './poll-modes.ts';
import { measureInterruption, measureTimers, type TimerDelays } from './responsiveness.ts';
import { median } from './statistics.ts';
import { measureWakeUp, type WakeUp } from './wake-up.ts';

export interface Adaptive {
  readonly throughput: readonly ModeThroughput[];
  readonly idle: readonly ModeIdleCpu[];
  readonly wakeUp: readonly WakeUp[];
  readonly timers: TimerDelays;
  /** Milliseconds from SIGINT to the end of `ixy forward` under full load. */
  readonly interruption: { readonly median: number; readonly max: number };
}

interface AdaptiveEffort {
  /** Of 100 ms for each mode. */
  readonly rounds: number;
  readonly idleMilliseconds: number;
  readonly frames: number;
  readonly timerMilliseconds: number;
  readonly interruptions: number;
}

export async function measureAdaptive(effort: AdaptiveEffort): Promise<Adaptive> {
  const throughput = await measureThroughput(effort.rounds);
  const idle = await measureIdleCpu(effort.idleMilliseconds);
  const wakeUp = [await measureWakeUp('event loop', effort.frames), await measureWakeUp('blocking', effort.frames)];
  const timers = await measureTimers(effort.timerMilliseconds);
  const ends: number[] = [];
  for (let i = 0; i < effort.interruptions; i++) ends.push(await measureInterruption());
  return { throughput, idle, wakeUp, timers, interruption: { median: median(ends), max: Math.max(...ends) } };
}
