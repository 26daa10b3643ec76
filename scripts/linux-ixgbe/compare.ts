/** What two drivers have written to the same card, and where they differ. */
import type { Access } from './access.ts';
import { condense, type Placeholders } from './condense.ts';

/** By register, in the order of first writes, what people read of its last values: 'RXDCTL[0…1] 0x02000000 ENABLE=1'. */
export type Written = Readonly<Record<string, readonly string[]>>;

/** Who writes a register: one of the two, or both, but not the same. */
export type Kind = 'linux' | 'ours' | 'both';

export interface Difference {
  readonly register: string;
  readonly kind: Kind;
  readonly linux: readonly string[];
  readonly ours: readonly string[];
}

/** Why registers differ. */
interface Explanation {
  readonly registers: readonly string[];
  readonly why: string;
}

export type Explanations = Readonly<Record<Kind, readonly Explanation[]>>;

export interface Explained {
  readonly why: string;
  readonly differences: readonly Difference[];
}

/** The last write to each register. */
export function lastWrites(accesses: readonly Access[], placeholders: Placeholders): Written {
  const registers = new Map<string, Map<number, Access>>();
  for (const access of accesses) {
    if (!access.write) continue;
    const known = registers.get(access.register) ?? new Map<number, Access>();
    registers.set(access.register, known.set(access.index, access));
  }
  const entries = [...registers].map(([name, writes]) => {
    const inOrder = [...writes.values()].sort((a, b) => a.index - b.index);
    return [name, condense(inOrder, placeholders).map(({ register, value }) => `${register} ${value}`)];
  });
  return Object.fromEntries(entries);
}

export function compare(linux: Written, ours: Written): Difference[] {
  const names = new Set([...Object.keys(linux), ...Object.keys(ours)]);
  return [...names].flatMap((register) => {
    const [theirs = [], own = []] = [linux[register], ours[register]];
    if (theirs.join() === own.join()) return [];
    const kind = own.length === 0 ? 'linux' : theirs.length === 0 ? 'ours' : 'both';
    return { register, kind, linux: theirs, ours: own };
  });
}

/** Each difference with its explanation, in the order of explanations. Throws if either lacks the other. */
export function explain(differences: readonly Difference[], explanations: Explanations): Record<Kind, Explained[]> {
  const left = new Set(differences);
  const explainKind = (kind: Kind): Explained[] =>
    explanations[kind].map(({ registers, why }) => {
      const found = registers.map((register) => {
        const difference = [...left].find((one) => one.register === register && one.kind === kind);
        if (!difference) throw new Error(`an explanation, but no difference (${kind}): ${register}`);
        left.delete(difference);
        return difference;
      });
      return { why, differences: found };
    });
  const explained = { linux: explainKind('linux'), ours: explainKind('ours'), both: explainKind('both') };
  const unexplained = [...left].map(({ register, kind }) => `${register} (${kind})`);
  if (unexplained.length > 0) throw new Error(`differences without an explanation: ${unexplained.join(', ')}`);
  return explained;
}
