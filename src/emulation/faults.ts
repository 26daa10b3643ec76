/**
 * Fault injection: misbehaviour of a device, on purpose and on schedule. A fault waits for `after` events of its kind
 * and then strikes `count` times; so the same script gives the same run. All plain data, so that it can be sent to a
 * device on another thread. Which kinds there are, each model says for itself.
 */

/** One kind of misbehaviour, and when it strikes. */
export interface Fault {
  readonly kind: string;
  /** Events that pass before the fault strikes. Default 0. */
  readonly after?: number;
  /** How often it strikes. Default: for ever. */
  readonly count?: number;
}

interface Armed<OwnFault> {
  readonly fault: OwnFault;
  after: number;
  count: number;
}

/** The faults of one device: at most one of each kind. */
export class Faults<OwnFault extends Fault> {
  /** Whether any fault is armed; hot paths look at this alone. */
  armed = false;
  readonly #armed = new Map<OwnFault['kind'], Armed<OwnFault>>();

  /** Arms `fault`; it replaces an earlier one of its kind. */
  inject(fault: OwnFault): void {
    this.#armed.set(fault.kind, { fault, after: fault.after ?? 0, count: fault.count ?? Number.POSITIVE_INFINITY });
    this.armed = true;
  }

  /** Disarms one kind, or all. */
  clear(kind?: OwnFault['kind']): void {
    if (kind) this.#armed.delete(kind);
    else this.#armed.clear();
    this.armed = this.#armed.size > 0;
  }

  /** Tells of one event of `kind`; the fault, if it strikes now. */
  strikes<Kind extends OwnFault['kind']>(kind: Kind): Extract<OwnFault, { kind: Kind }> | undefined {
    if (!this.armed) return undefined;
    const armed = this.#armed.get(kind);
    if (!armed) return undefined;
    if (armed.after > 0) {
      armed.after--;
      return undefined;
    }
    if (--armed.count <= 0) this.clear(kind);
    return armed.fault as Extract<OwnFault, { kind: Kind }>;
  }
}
