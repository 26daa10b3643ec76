/**
 * Fault injection: misbehaviour of the device, on purpose and on schedule. A fault waits for `after` events of its kind
 * and then strikes `count` times; so the same script gives the same run. All plain data, so that it can be sent to a
 * device on another thread.
 */

interface Schedule {
  /** Events that pass before the fault strikes. Default 0. */
  readonly after?: number;
  /** How often it strikes. Default: for ever. */
  readonly count?: number;
}

/** One kind of misbehaviour, and when it strikes. */
export type Fault = Schedule &
  (
    | { readonly kind: 'stuck-reset' } // event: a reset. RST never clears
    | { readonly kind: 'slow-reset'; readonly nanoseconds: number } // event: a reset
    | { readonly kind: 'link-flap'; readonly nanoseconds: number } // event: a frame received or sent, or LINKS read
    | { readonly kind: 'tx-stall' } // event: a frame to be sent. Nothing leaves or completes while it strikes
    | { readonly kind: 'rx-missing-eop' } // event: a frame received. DD without EOP in its last descriptor
    | { readonly kind: 'rx-wrong-length'; readonly length: number } // event: a frame received
    | { readonly kind: 'removal' } // event: a register access. Reads give all ones, and DMA stops
    | { readonly kind: 'eeprom-checksum' } // event: a read of the EEPROM's checksum word
  );

/** Name of a kind of fault. */
export type FaultKind = Fault['kind'];

interface Armed {
  readonly fault: Fault;
  after: number;
  count: number;
}

/** The faults of one device: at most one of each kind. */
export class Faults {
  /** Whether any fault is armed; hot paths look at this alone. */
  armed = false;
  readonly #armed = new Map<FaultKind, Armed>();

  /** Arms `fault`; it replaces an earlier one of its kind. */
  inject(fault: Fault): void {
    this.#armed.set(fault.kind, { fault, after: fault.after ?? 0, count: fault.count ?? Number.POSITIVE_INFINITY });
    this.armed = true;
  }

  /** Disarms one kind, or all. */
  clear(kind?: FaultKind): void {
    if (kind) this.#armed.delete(kind);
    else this.#armed.clear();
    this.armed = this.#armed.size > 0;
  }

  /** Tells of one event of `kind`; the fault, if it strikes now. */
  strikes<K extends FaultKind>(kind: K): Extract<Fault, { kind: K }> | undefined {
    if (!this.armed) return undefined;
    const armed = this.#armed.get(kind);
    if (!armed) return undefined;
    if (armed.after > 0) {
      armed.after--;
      return undefined;
    }
    if (--armed.count <= 0) this.clear(kind);
    return armed.fault as Extract<Fault, { kind: K }>;
  }
}
