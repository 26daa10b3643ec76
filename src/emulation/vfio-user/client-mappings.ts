/**
 * Mappings that this process makes for its clients. The kernel allows a process so many of all kinds (vm.max_map_count), and
 * then has no memory for V8 either, which ends the process: clients are refused before.
 */
import { readFileSync } from 'node:fs';
import { addon } from '../../native/addon.ts';
import { Refusal } from './refusal.ts';

/** Of what the kernel allows, a quarter stays the process's own. */
const SHARE = 0.75;

/** How many there are for all clients together, and how many there may be, which is known once there is one. */
let made = 0;
let most = 0;

/** A part of a file. Throws `Refusal`, or what the addon throws. */
export function mapFile(descriptor: number, length: number, offset: number): ArrayBuffer {
  return counted(1, () => addon().mmap(descriptor, length, offset, addon().constants.MAP_SHARED));
}

/** Pieces of such parts, once more and side by side. Throws `Refusal`, or what the addon throws. */
export function joinPieces(pieces: readonly Uint8Array[]): ArrayBuffer {
  return counted(pieces.length, () => addon().joinMappings(pieces));
}

/** Ends what these made; `pieces`: of how many it was made. */
export function unmap(memory: ArrayBuffer, pieces = 1): void {
  addon().munmap(memory);
  made -= pieces;
}

function counted(pieces: number, make: () => ArrayBuffer): ArrayBuffer {
  if (most === 0) most = Math.floor(SHARE * Number(readFileSync('/proc/sys/vm/max_map_count', 'ascii')));
  if (made + pieces > most) throw new Refusal('ENOSPC', `${most} mappings for clients are as many as there may be`);
  const memory = make();
  made += pieces;
  return memory;
}
