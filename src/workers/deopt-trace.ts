/**
 * When V8 threw compiled code away, on any thread. It has no call to ask for that; but it tells Node's tracing, which the main
 * thread may listen to, with the thread, the moment and how long it took (not with the function: `--trace-deopt` names that).
 * What has been traced is delivered when tracing stops, so it stops and starts again at each look.
 */
import type { Session } from 'node:inspector/promises';
import { isMainThread } from 'node:worker_threads';

/** What Node's tracing tells of an event; times are microseconds of CLOCK_MONOTONIC. */
interface TraceEvent {
  /** Linux's thread id. */
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
}

interface Deoptimisation {
  readonly begin: number;
  readonly end: number;
}

const EVENT = 'V8.DeoptimizeCode';
/** As many of a thread are remembered with their times; all are counted. */
const REMEMBERED = 256;

/** The process's deoptimisations, by thread, from when it was opened until the process ends. */
export class DeoptTrace {
  readonly #session: Session;
  readonly #counts = new Map<number, number>();
  readonly #recent = new Map<number, Deoptimisation[]>();
  #looking: Promise<void> | undefined;

  private constructor(session: Session) {
    this.#session = session;
    session.on('NodeTracing.dataCollected', ({ params }) => this.#note(params.value));
  }

  /** Undefined on other threads than the main one, in a Node without an inspector, and while others trace. */
  static async open(): Promise<DeoptTrace | undefined> {
    if (!isMainThread) return undefined;
    try {
      const { Session } = await import('node:inspector/promises');
      const session = new Session();
      session.connect();
      const trace = new DeoptTrace(session);
      await trace.#start();
      return trace;
    } catch {
      return undefined;
    }
  }

  /** Has what happened until now counted. It takes this thread about a millisecond. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** How many a thread has had. */
  count(thread: number): number {
    return this.#counts.get(thread) ?? 0;
  }

  /** Whether a thread had one between two moments, in nanoseconds of CLOCK_MONOTONIC. */
  between(thread: number, begin: number, end: number): boolean {
    return (this.#recent.get(thread) ?? []).some((each) => each.end >= begin && each.begin <= end);
  }

  async #look(): Promise<void> {
    const delivered = new Promise((resolve) => this.#session.once('NodeTracing.tracingComplete', resolve));
    await this.#session.post('NodeTracing.stop');
    await delivered;
    await this.#start();
  }

  async #start(): Promise<void> {
    await this.#session.post('NodeTracing.start', { traceConfig: { includedCategories: ['v8'] } });
  }

  #note(events: readonly object[]): void {
    for (const { tid, ts, dur = 0 } of events.filter(isDeoptimisation)) {
      this.#counts.set(tid, this.count(tid) + 1);
      const recent = this.#recent.get(tid) ?? [];
      recent.push({ begin: ts * 1000, end: (ts + dur + 1) * 1000 });
      if (recent.length > REMEMBERED) recent.shift();
      this.#recent.set(tid, recent);
    }
  }
}

function isDeoptimisation(event: object): event is TraceEvent {
  return 'name' in event && event.name === EVENT;
}

let opened: Promise<DeoptTrace | undefined> | undefined;

/** The one of this process. */
export function deoptTrace(): Promise<DeoptTrace | undefined> {
  opened ??= DeoptTrace.open();
  return opened;
}
