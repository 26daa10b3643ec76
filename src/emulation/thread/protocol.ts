/**
 * How a driver's thread talks to the thread that its emulated devices live on. A mailbox of shared memory carries one
 * request at a time, and the caller waits for the answer: register accesses by numbers, everything else by a message
 * that lies ready in a port. Doorbells do not go through it: they are plain stores in memory that the devices poll.
 *
 * Each thread that devices are lent to has a mailbox of its own, for accesses only: one that ends in the middle of a
 * request leaves an answer that nobody reads, and harms nobody else.
 */
import { errorMessage, IxyError } from '../../errors.ts';
import type { ModelBar } from '../device-model.ts';
import type { Fault } from '../faults.ts';
import type { Violation } from '../judge.ts';
import type { ModelKind, ModelOptions } from '../models.ts';
import type { WireSpec } from '../wires/index.ts';

/** One thread's mailbox: plain data, to be sent there. */
export interface MailboxShare {
  /** Name of the device thread, for messages. */
  readonly thread: string;
  /** The request, or the answer to it: words, and room for a refusal. */
  readonly letters: SharedArrayBuffer;
  /** The same for all mailboxes of a device thread. */
  readonly bell: SharedArrayBuffer;
}

// Words of `letters`.
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
/** 1 once the mailbox is not served any more. */
export const REMOVED = 7;

// Words of `bell`.
/** Changes with every request, so that a sleeping device thread wakes up. */
export const WAKE = 0;
/** 1 once no answer will ever come; why, stands where refusals do. */
export const ENDED = 1;

/** Where in both of them a refusal begins, and the bytes that there are in all. */
const TEXT = 64;
export const MAILBOX_BYTES = 4096;

// States.
export const IDLE = 0;
export const REQUESTED = 1;
export const ANSWERED = 2;
/** The device refused: why, stands behind the words. */
export const REFUSED = 3;

// Operations.
export const READ = 0;
export const WRITE = 1;
/** A `Command` lies in the port; the answer will too. For the mailbox of the thread that made the device thread. */
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
  /** Serve another mailbox from now on, or no longer. They are told apart by numbers that the caller chooses. */
  | { readonly kind: 'add-mailbox'; readonly mailbox: number; readonly letters: SharedArrayBuffer }
  | { readonly kind: 'remove-mailbox'; readonly mailbox: number }
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
  | { readonly kind: 'inspection'; readonly inspection: DeviceInspection };

/** Why something was refused, or has ended. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** What an error says to another thread. */
export function refusalOf(error: unknown): Refusal {
  return { code: error instanceof IxyError ? error.code : 'ERR_SYSTEM', message: errorMessage(error) };
}

/** Puts a refusal behind the words of `letters` or `bell`: cut off at the end, if it is that long. */
export function writeRefusal(buffer: SharedArrayBuffer, { code, message }: Refusal): void {
  Buffer.from(buffer, TEXT).fill(0).write(`${code} ${message}`);
}

export function readRefusal(buffer: SharedArrayBuffer): Refusal {
  const text = Buffer.from(buffer, TEXT);
  const [code, ...message] = text.toString('utf8', 0, text.indexOf(0)).split(' ');
  return { code, message: message.join(' ') };
}
