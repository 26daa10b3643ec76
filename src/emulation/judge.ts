/** Strict mode: records each rule of a device that its driver breaks, once for each place where it does. */

export interface RuleText {
  /** Section of the datasheet or specification that says so. */
  readonly section: string;
  readonly message: string;
  /** `broken`: the device's behaviour is undefined. `advice`: it works, and costs speed or robustness. */
  readonly level: 'broken' | 'advice';
}

export function broken(section: string, message: string): RuleText {
  return { section, message, level: 'broken' };
}

export function advice(section: string, message: string): RuleText {
  return { section, message, level: 'advice' };
}

/** A rule that was broken, and where. */
export interface Violation<Rule extends string = string> extends RuleText {
  readonly rule: Rule;
  /** Register concerned, by name. */
  readonly register: string | undefined;
  readonly queue: number | undefined;
  /** What was found, in words. */
  readonly found: string;
  /** Model time of the first occurrence, in nanoseconds. */
  readonly time: number;
  /** How often it happened. */
  readonly count: number;
}

export interface Place {
  readonly register?: string | undefined;
  readonly queue?: number | undefined;
  readonly found?: string | undefined;
}

/** Different violations kept; a driver that breaks more is broken anyway. */
const MAXIMUM = 1000;

export class Judge<Rule extends string = string> {
  /** Whether anything is recorded. Hot paths check their rules only if so. */
  readonly strict: boolean;
  readonly #rules: Readonly<Record<Rule, RuleText>>;
  readonly #clock: { readonly now: number };
  readonly #violations = new Map<string, Violation<Rule> & { count: number }>();

  constructor(rules: Readonly<Record<Rule, RuleText>>, clock: { readonly now: number }, strict: boolean) {
    this.#rules = rules;
    this.#clock = clock;
    this.strict = strict;
  }

  /** Everything recorded so far, in order of first occurrence. */
  get violations(): readonly Violation<Rule>[] {
    return [...this.#violations.values()];
  }

  record(rule: Rule, { register, queue, found = '' }: Place = {}): void {
    if (!this.strict) return;
    const key = `${rule}|${register}|${queue}`;
    const known = this.#violations.get(key);
    if (known) known.count++;
    else if (this.#violations.size < MAXIMUM) {
      this.#violations.set(key, {
        rule,
        ...this.#rules[rule],
        register,
        queue,
        found,
        time: this.#clock.now,
        count: 1,
      });
    }
  }

  clear(): void {
    this.#violations.clear();
  }
}
