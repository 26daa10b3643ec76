/**
 * How a driver's thread talks to the thread that its emulated devices live on. One mailbox of shared memory carries one
 * request at a time, and the caller waits for the answer: register accesses by numbers, everything else by a message
 * that lies ready in a port. Doorbells do not go through it: they are plain stores in memory that the devices poll.
 */
import type { ModelBar } from '../device-model.ts';
import type { Fault } from '../faults.ts';
import type { Violation } from '../judge.ts';
import type { ModelKind, ModelOptions } from '../models.ts';
import type { WireSpec } from '../wires/index.ts';

// Words of the mailbox.
/** Whose turn it is: one of the states below. */
export const STATE = 0;
export const OPERATION = 1;
export const DEVICE = 2;
/** What is accessed: the number of a BAR, or `CONFIG_SPACE`. */
export const SPACE = 3;
export const OFFSET = 4;
/** The access's width. */
export const BYTES = 5;
export const VALUE = 6;
/** Changes with every request, so that a sleeping device thread wakes up. */
export const WAKE = 7;
/** The state that the thread ended in: 1 once no answer will ever come. */
export const ENDED = 8;
export const MAILBOX_BYTES = 64;

// States.
export const IDLE = 0;
export const REQUESTED = 1;
export const ANSWERED = 2;
/** The device refused: an error message lies in the port. */
export const REFUSED = 3;

// Operations.
export const READ = 0;
export const WRITE = 1;
/** A `Command` lies in the port; the answer will too. */
export const COMMAND = 2;

/** As SPACE: what no BAR is numbered. */
export const CONFIG_SPACE = 6;

/** A device to be made, as plain data. */
export interface ThreadedDeviceSpec<Kind extends ModelKind = ModelKind> {
  readonly model: Kind;
  readonly options: ModelOptions<Kind>;
  readonly wire: WireSpec | undefined;
}

export interface MappedMemory {
  readonly address: number;
  readonly size: number;
  readonly pageSize: number;
  /** Memory that threads share as it is, or undefined. */
  readonly buffer: SharedArrayBuffer | undefined;
  /** Otherwise the file to map again. */
  readonly descriptor: number;
}

export type Command =
  | { readonly kind: 'map'; readonly memory: MappedMemory }
  | { readonly kind: 'unmap'; readonly address: number }
  | { readonly kind: 'open'; readonly device: number; readonly spec: ThreadedDeviceSpec }
  | { readonly kind: 'close'; readonly device: number }
  /** Eventfds to add to, one per vector. They belong to the process, so that numbers are enough; the driver closes them. */
  | { readonly kind: 'interrupts'; readonly device: number; readonly descriptors: readonly number[] }
  | { readonly kind: 'inspect'; readonly device: number }
  | { readonly kind: 'inject'; readonly device: number; readonly fault: Fault }
  | { readonly kind: 'clear-faults'; readonly device: number; readonly fault: string | undefined };

/** What can be seen of a device beside its registers. */
export interface DeviceInspection<Rule extends string = string> {
  readonly violations: readonly Violation<Rule>[];
  readonly linkUp: boolean;
  /** Frames that no register counts; see `DeviceModel.discarded`. */
  readonly discarded: number;
  /** Accesses to memory that is not mapped. */
  readonly dmaFaults: number;
}

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'opened'; readonly bars: ReadonlyMap<number, ModelBar> }
  | { readonly kind: 'inspection'; readonly inspection: DeviceInspection }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };
