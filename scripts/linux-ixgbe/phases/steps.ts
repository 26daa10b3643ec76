/** How steps are written down: by when they come. */
import type { Step } from '../segment.ts';

/** In its turn. */
export function once(title: string, registers: readonly string[], why: string): Step {
  return { title, registers, why };
}

/** At any time, and more than once. */
export function repeatedly(title: string, registers: readonly string[], why: string): Step {
  return { title, registers, why, comes: 'repeatedly' };
}

/** By an interrupt or a timer. */
export function meanwhile(title: string, registers: readonly string[], why: string): Step {
  return { title, registers, why, comes: 'meanwhile' };
}

/** Its text says it all. */
export function unlisted(step: Step): Step {
  return { ...step, unlisted: true };
}
