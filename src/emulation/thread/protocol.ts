/**
 * How a driver's thread talks to the thread that its emulated devices live on. One mailbox of shared memory carries one
 * request at a time, and the caller waits for the answer: register accesses by numbers, everything else by a message
 * that lies ready in a port. Doorbells do not go through it: they are plain stores in memory that the devices poll.
 */
import type { Fault, FaultKind } from '../ixgbe/faults.ts';
import type { IxgbeRule } from '../ixgbe/rules.ts';
import type { Violation } from '../judge.ts';
import type { WireSpec } from '../wires/index.ts';

// Words of the mailbox.
/** Whose turn it is: one of the states below. */
export const STATE = 0;
export const OPERATION = 1;
export const DEVICE = 2;
export const ARGUMENT = 3;
export const VALUE = 4;
/** Changes with every request, so that a sleeping device thread wakes up. */
export const WAKE = 5;
/** The state that the thread ended in: 1 once no answer will ever come. */
export const ENDED = 6;
export const MAILBOX_BYTES = 64;

// States.
export const IDLE = 0;
export const REQUESTED = 1;
export const ANSWERED = 2;
/** The device refused: an error message lies in the port. */
export const REFUSED = 3;

// Operations.
export const READ_REGISTER = 0;
export const WRITE_REGISTER = 1;
export const READ_MSIX = 2;
export const WRITE_MSIX = 3;
/** ARGUMENT: offset, and the access's bytes in bits 16 and up. */
export const READ_CONFIG = 4;
export const WRITE_CONFIG = 5;
/** A `Command` lies in the port; the answer will too. */
export const COMMAND = 6;

export interface ThreadedDeviceSpec {
  readonly mac: string;
  readonly deviceId: number;
  readonly strict: boolean;
  readonly wire: WireSpec | undefined;
  readonly doorbells: SharedArrayBuffer;
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
  | { readonly kind: 'clear-faults'; readonly device: number; readonly fault: FaultKind | undefined };

/** What can be seen of a device beside its registers. */
export interface DeviceInspection {
  readonly violations: readonly Violation<IxgbeRule>[];
  readonly linkUp: boolean;
  /** Frames that no register counts; see `IxgbeModel.discarded`. */
  readonly discarded: number;
  /** Accesses to memory that is not mapped. */
  readonly dmaFaults: number;
}

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'inspection'; readonly inspection: DeviceInspection }
  | { readonly kind: 'error'; readonly code: string; readonly message: string };
