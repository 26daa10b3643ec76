/**
 * What every device model is, whichever device it models: the NIC itself, without PCI around it. It has no thread and no
 * clock of its own: whoever owns it calls `step` to let it work and `advance` to let time pass. Its owners are
 * `EmulatedPciDevice` and `DeviceHost`; `models.ts` has the list of models.
 */
import type { ConfigSpace } from './config-space.ts';
import type { Fault, Faults } from './faults.ts';
import type { Violation } from './judge.ts';
import type { Steppable } from './simulation.ts';
import type { WireEnd } from './wire.ts';

/** What every model can be told when it is made. Plain data, as all options of models: they are sent to other threads. */
export interface DeviceModelOptions {
  /** Its MAC address, 'aa:bb:cc:dd:ee:ff'. Default: the model's own. */
  readonly mac?: string;
  /** Record broken rules in `violations`. Costs time for each frame. Default false. */
  readonly strict?: boolean;
}

/** Bytes of a register access. */
export type AccessBytes = 1 | 2 | 4;

/** A BAR as drivers see it. Plain data over shared memory: it is sent to the driver's thread. */
export interface ModelBar {
  /** Bytes in the BAR. */
  readonly size: number;
  /** Whether there are registers of 8 and 16 bits; without, such accesses are refused before the model sees them. */
  readonly narrow: boolean;
  /** Memory that the model polls instead of `write`, in a SharedArrayBuffer; empty if none. See `RegisterFile.doorbells`. */
  readonly doorbells: Int32Array;
}

/** A model, the faults that it can be made to have, and the rules that it judges drivers by. */
export interface DeviceModel<OwnFault extends Fault = Fault, Rule extends string = string> extends Steppable {
  /** Says by its MSI-X capability, if it has one, where the table lies: interrupts are set up from that. */
  readonly config: ConfigSpace;
  /** The BARs that there are, by index; the same for the model's whole life. */
  readonly bars: ReadonlyMap<number, ModelBar>;
  readonly faults: Faults<OwnFault>;
  /** What is plugged into the port. It stays its owner's to close. */
  wire: WireEnd | undefined;
  readonly linkUp: boolean;
  /** Model time in nanoseconds. */
  readonly now: number;
  /** Rules that the driver has broken so far; always empty unless `strict`. */
  readonly violations: readonly Violation<Rule>[];
  /** Frames that arrived while nobody wanted them, and that no register counts. */
  readonly discarded: number;
  /** Accesses to memory that is not mapped, since the device was made; each was blocked. */
  readonly dmaFaults: number;
  /** Whether the interrupt line is asserted: it is a level, that lasts until the driver has withdrawn its causes. */
  readonly lineAsserted: boolean;
  /** Called for each interrupt with its MSI-X vector, or 0 for the interrupt line while MSI-X is disabled. */
  set onInterrupt(handler: (vector: number) => void);

  clearViolations(): void;
  /** A driver's read from a BAR that there is, with its side effects; unsigned. `offset` is aligned and inside. */
  read(bar: number, offset: number, bytes: AccessBytes): number;
  /** A driver's write, with its side effects: an int32, or unsigned if of fewer bytes. `offset` as for `read`. */
  write(bar: number, offset: number, bytes: AccessBytes, value: number): void;
  /**
   * Has the model poll other memory for the doorbells of a BAR that has some, as large as the BAR; undefined: what `bars` says
   * again. None of them has rung.
   */
  pollDoorbells(bar: number, doorbells: Int32Array | undefined): void;
  /** Moves up to `budget` frames each way, 0 if it shall only see what has been written; returns how many moved. */
  step(budget: number): number;
  /** Lets `nanoseconds` of model time pass. */
  advance(nanoseconds: number): void;
  /** Lets model time pass until `nanoseconds`; time never goes back. */
  advanceTo(nanoseconds: number): void;
  /** Power-on: everything as when the device was made. */
  reset(): void;
}
