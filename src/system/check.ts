/** The result of looking at one thing that a run may need. */
export interface Check {
  /** What was looked at: 'IOMMU'. */
  readonly name: string;
  /** 'advice': it works without, but not as well, or not everything does. */
  readonly verdict: 'ok' | 'advice' | 'problem';
  /** What was found. */
  readonly found: string;
  /** What to do about it; null if nothing is to be done. */
  readonly advice: string | null;
}

export function ok(name: string, found: string): Check {
  return { name, verdict: 'ok', found, advice: null };
}

export function advice(name: string, found: string, what: string): Check {
  return { name, verdict: 'advice', found, advice: what };
}

export function problem(name: string, found: string, what: string): Check {
  return { name, verdict: 'problem', found, advice: what };
}
