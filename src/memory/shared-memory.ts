/**
 * The same DMA memory in another thread: what has a descriptor is mapped again there by its number, which is good for the whole
 * process; what lies in a SharedArrayBuffer passes as it is.
 */
import { fstatSync } from 'node:fs';
import { IxyError } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type { DmaMemory } from './dma-memory.ts';

/** What tells a file from all others that are open; its size too, as nothing may be mapped beyond its end. */
interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
}

/** Memory as plain data, to be sent to another thread. */
export interface MemoryShare {
  readonly kind: DmaMemory['kind'];
  readonly size: number;
  readonly pageSize: number;
  /** −1 if `buffer` is there. */
  readonly descriptor: number;
  /** The file behind the descriptor, which may come to mean another one; undefined if `buffer` is there. */
  readonly file: FileIdentity | undefined;
  readonly buffer: SharedArrayBuffer | undefined;
}

/** The memory must not be freed before the other thread has attached it. Throws `ERR_ARGUMENT` if it cannot be shared. */
export function shareMemory({ kind, size, pageSize, descriptor, buffer }: DmaMemory): MemoryShare {
  const shared = buffer instanceof SharedArrayBuffer ? buffer : undefined;
  if (!shared && descriptor < 0) {
    throw new IxyError(
      'ERR_ARGUMENT',
      'memory that threads share must have a descriptor, or lie in a SharedArrayBuffer; use allocateHugeMemory or allocatePlainMemory',
    );
  }
  if (shared) return { kind, size, pageSize, descriptor: -1, file: undefined, buffer: shared };
  return { kind, size, pageSize, descriptor, file: identityOf(descriptor), buffer: undefined };
}

/** The memory on this thread; `free` gives back this thread's mapping only. Throws `ERR_CLOSED` if its owner has freed it. */
export function attachMemory(share: MemoryShare): DmaMemory {
  return new AttachedMemory(share, share.buffer ?? mapAgain(share));
}

function mapAgain({ descriptor, file, size }: MemoryShare): ArrayBuffer {
  if (!file || !isStill(file, descriptor)) {
    throw new IxyError(
      'ERR_CLOSED',
      `${size} bytes of shared memory were freed before this thread had attached to them: descriptor ${descriptor} is another ` +
        'file by now, or none; free it only when no thread is about to attach to it any more',
    );
  }
  return addon().mmap(descriptor, size, 0, addon().constants.MAP_SHARED);
}

function isStill({ device, inode, size }: FileIdentity, descriptor: number): boolean {
  try {
    const found = identityOf(descriptor);
    return found.device === device && found.inode === inode && found.size === size;
  } catch {
    return false;
  }
}

function identityOf(descriptor: number): FileIdentity {
  const { dev, ino, size } = fstatSync(descriptor, { bigint: true });
  return { device: dev, inode: ino, size };
}

class AttachedMemory implements DmaMemory {
  readonly kind: DmaMemory['kind'];
  readonly size: number;
  readonly pageSize: number;
  readonly descriptor: number;
  #buffer: ArrayBuffer | SharedArrayBuffer;

  constructor({ kind, size, pageSize, descriptor }: MemoryShare, buffer: ArrayBuffer | SharedArrayBuffer) {
    this.kind = kind;
    this.size = size;
    this.pageSize = pageSize;
    this.descriptor = descriptor;
    this.#buffer = buffer;
  }

  get buffer(): ArrayBuffer | SharedArrayBuffer {
    return this.#buffer;
  }

  free(): void {
    const buffer = this.#buffer;
    if (buffer.byteLength === 0) return;
    this.#buffer = new SharedArrayBuffer(0);
    if (!(buffer instanceof SharedArrayBuffer)) addon().munmap(buffer);
  }
}
