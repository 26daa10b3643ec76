/** What belongs together in a driver's accesses: the steps that it takes. */
import type { Access } from './access.ts';

/** A step that a driver is known to take, and why. */
export interface Step {
  readonly title: string;
  readonly why: string;
  /** Names of those that it accesses. */
  readonly registers: readonly string[];
  /**
   * 'once' (default): steps come in the order of their list. 'repeatedly': at any time and more than once; it is told of
   * where it is first. 'meanwhile': so too, but by an interrupt or a timer, so that its place means nothing.
   */
  readonly comes?: 'once' | 'repeatedly' | 'meanwhile';
  /** The text says it all: which registers, and what of them, is too much to list, or a matter of chance. */
  readonly unlisted?: boolean;
}

export interface Taken {
  readonly step: Step;
  readonly accesses: Access[];
}

/** The steps taken, those of 'meanwhile' last. Throws for an access that is due in no step, or not any more. */
export function segment(accesses: readonly Access[], steps: readonly Step[]): Taken[] {
  const ordered = steps.filter(({ comes = 'once' }) => comes === 'once');
  const others = steps.filter((step) => !ordered.includes(step));
  const taken = new Map<Step, Taken>();
  let place = 0; // among the ordered ones
  let current: Step | undefined;
  for (const access of accesses) {
    const knows = (step: Step): boolean => step.registers.includes(access.register);
    if (!current || !knows(current)) {
      current = ordered.slice(place).find(knows) ?? others.find(knows);
      if (!current) throw new Error(unexpected(access, ordered[place]));
      if (ordered.includes(current)) place = ordered.indexOf(current);
    }
    const known = taken.get(current);
    if (known) known.accesses.push(access);
    else taken.set(current, { step: current, accesses: [access] });
  }
  const rank = ({ step }: Taken): number => (step.comes === 'meanwhile' ? 1 + steps.indexOf(step) : 0);
  return [...taken.values()].sort((a, b) => rank(a) - rank(b));
}

function unexpected({ register, write }: Access, step: Step | undefined): string {
  return `no step after '${step?.title}' ${write ? 'writes' : 'reads'} ${register}`;
}
