/** Why a control command was refused. */
import type { VirtioNetRule } from '../rules.ts';

export interface Refusal {
  readonly rule: VirtioNetRule;
  readonly found: string;
}

export function refuse(rule: VirtioNetRule, found: string): Refusal {
  return { rule, found };
}
