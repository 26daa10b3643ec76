/** What the demo tells: for people, a heading, a live table and checks per stage; for programs, JSON lines. */
import { type Counted, RateMeter } from '../apps/index.ts';
import { type Colors, colorsFor } from '../cli/colors.ts';
import { Live } from '../cli/live.ts';
import { errorMessage } from '../errors.ts';

interface ReportOptions {
  readonly json: boolean;
  readonly stream: NodeJS.WriteStream;
  /** Ends the stage that goes on when it is aborted, and the demo. */
  readonly signal: AbortSignal;
}

export interface Check {
  readonly stage: string;
  readonly passed: boolean;
  readonly text: string;
}

export class Report {
  readonly signal: AbortSignal;
  readonly #options: ReportOptions;
  readonly #colors: Colors;
  readonly #begin = performance.now();
  readonly #checks: Check[] = [];
  readonly #leftOut: { readonly part: string; readonly reason: string }[] = [];

  constructor(options: ReportOptions) {
    this.signal = options.signal;
    this.#options = options;
    this.#colors = colorsFor(options.stream);
  }

  /** For people only. */
  say(text: string): void {
    if (!this.#options.json) this.#options.stream.write(`${text}\n`);
  }

  leaveOut(part: string, reason: string, substitute: string): void {
    this.#leftOut.push({ part, reason });
    this.say(`\n${this.#colors.yellow('Left out')}: ${part}: ${reason}. Instead: ${substitute}.`);
  }

  /** Runs a stage, and shows what became of it. Rejects for what `body` throws, or what the signal was aborted with. */
  async stage<Result>(name: string, title: string, body: (stage: Stage) => Promise<Result>): Promise<Result> {
    this.signal.throwIfAborted();
    this.say(`\n${this.#colors.bold(title)}`);
    this.#print({ type: 'begin', stage: name, title });
    const stage = new Stage(name, this.#options);
    try {
      const result = await body(stage);
      this.signal.throwIfAborted();
      return result;
    } catch (error) {
      const reason: unknown = this.signal.aborted ? this.signal.reason : error;
      stage.check(false, errorMessage(reason));
      throw new StageFailure(reason);
    } finally {
      this.#checks.push(...stage.checks);
      this.#show(stage);
    }
  }

  /** Takes down what ended the demo, unless a stage has told it. */
  fail(error: unknown): void {
    if (error instanceof StageFailure) return;
    const check = { stage: 'demo', passed: false, text: errorMessage(error) };
    this.#checks.push(check);
    this.say(`\n${this.#line(check)}`);
  }

  /** Shows the summary; whether everything passed. */
  end(): boolean {
    const seconds = (performance.now() - this.#begin) / 1000;
    const failed = this.#checks.filter((check) => !check.passed);
    const passed = failed.length === 0;
    const [checks, leftOut] = [this.#checks, this.#leftOut];
    this.#print({ type: 'summary', passed, seconds: Math.round(seconds * 1000) / 1000, checks, leftOut });
    const count = `${checks.length - failed.length} of ${checks.length} checks passed in ${seconds.toFixed(1)} s`;
    const { green, red } = this.#colors;
    this.say(`\n${passed ? green(`✓ ${count}.`) : red(`✗ ${count}. What failed:`)}`);
    for (const { stage, text } of failed) this.say(`  ${stage}: ${text}`);
    for (const { part, reason } of leftOut) this.say(`  Left out: ${part}: ${reason}.`);
    return passed;
  }

  #show(stage: Stage): void {
    const { checks, notes, figures } = stage;
    const lines = [...notes.map((note) => `  ${note}`), ...checks.map((check) => this.#line(check))];
    const data = {
      type: 'end',
      stage: stage.name,
      checks: checks.map(({ passed, text }) => ({ passed, text })),
      notes,
      ...figures,
    };
    if (stage.live) {
      stage.live.end(() => ({ lines, data }));
    } else {
      this.say(lines.join('\n'));
      this.#print(data);
    }
  }

  #line({ passed, text }: Check): string {
    return `  ${passed ? this.#colors.green('✓') : this.#colors.red('✗')} ${text}`;
  }

  #print(value: object): void {
    if (this.#options.json) this.#options.stream.write(`${JSON.stringify(value)}\n`);
  }
}

/** A stage while it goes on. */
export class Stage {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly checks: Check[] = [];
  readonly notes: string[] = [];
  /** What a program may want to know of it. */
  figures: object = {};
  live: Live | undefined;
  readonly #options: ReportOptions;

  constructor(name: string, options: ReportOptions) {
    this.name = name;
    this.signal = options.signal;
    this.#options = options;
  }

  /** Shows the ports' rates every second until the stage ends. Once per stage. */
  watch(ports: readonly Counted[]): void {
    this.live = new Live(new RateMeter(ports), { ...this.#options, ways: ['rx', 'tx'] });
  }

  check(passed: boolean, text: string): void {
    this.checks.push({ stage: this.name, passed, text });
  }

  note(text: string): void {
    this.notes.push(text);
  }
}

/** What ended the demo, told already. */
class StageFailure extends Error {
  constructor(cause: unknown) {
    super(errorMessage(cause), { cause });
  }
}
