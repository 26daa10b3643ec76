/**
 * The surface of the native addon: Linux system calls, typed and checked, and no policy. Which call, which structure and
 * which order is decided by the TypeScript above.
 *
 * Every call that fails throws an `Error` shaped like Node's own system errors: `code` ('EPERM'), `errno` (positive),
 * `syscall` ('mmap') and, where there is one, `path`. A wrong argument (type, sign, range, closed handle) throws a
 * `TypeError` or `RangeError` before any system call is made.
 */
import { createRequire } from 'node:module';
import { IxyError } from '../errors.ts';

/** Linux constants, compiled from the kernel's headers; all are integers. */
export interface AddonConstants {
  readonly PROT_READ: number;
  readonly PROT_WRITE: number;
  readonly MAP_SHARED: number;
  readonly MAP_PRIVATE: number;
  readonly MAP_ANONYMOUS: number;
  readonly MAP_LOCKED: number;
  readonly MAP_POPULATE: number;
  readonly MAP_HUGETLB: number;
  readonly MAP_HUGE_2MB: number;
  readonly MAP_HUGE_1GB: number;
  readonly MFD_CLOEXEC: number;
  readonly MFD_HUGETLB: number;
  readonly MFD_HUGE_2MB: number;
  readonly MFD_HUGE_1GB: number;
  readonly EFD_CLOEXEC: number;
  readonly EFD_NONBLOCK: number;
  readonly EPOLL_CTL_ADD: number;
  readonly EPOLL_CTL_MOD: number;
  readonly EPOLL_CTL_DEL: number;
  readonly EPOLLIN: number;
  readonly EPOLLOUT: number;
  readonly EPOLLERR: number;
  readonly EPOLLHUP: number;
  readonly EPOLLET: number;
  readonly SOCK_STREAM: number;
  readonly SOCK_SEQPACKET: number;
}

/** What `recvmsg` returned: `length` bytes (0 = the peer closed; −1 = would block) and the descriptors passed along. */
export interface ReceivedMessage {
  readonly length: number;
  readonly descriptors: number[];
  /** The kernel dropped bytes (`MSG_TRUNC`) or descriptors (`MSG_CTRUNC`) that did not fit. */
  readonly truncated: boolean;
}

export interface Addon {
  readonly constants: AddonConstants;

  /**
   * Maps `length` bytes of `descriptor` (−1 with `MAP_ANONYMOUS`) from `offset`; the result is an ArrayBuffer over the
   * mapping itself, no copy. It is unmapped by `munmap`, by garbage collection, or when its environment ends.
   */
  mmap(descriptor: number, length: number, offset: number, protection: number, flags: number): ArrayBuffer;
  /** Unmaps and detaches: every view over `mapping` has length 0 from now on. Throws if `mapping` is not a live mapping. */
  munmap(mapping: ArrayBuffer): void;
  /** Locks the pages of a live mapping into memory (`mlock`). */
  mlock(mapping: ArrayBuffer): void;
  /** Virtual address of the first byte, for /proc/self/pagemap and VFIO's DMA map. Below 2^47. */
  addressOf(memory: ArrayBuffer | SharedArrayBuffer | ArrayBufferView): number;
  /** A new descriptor of an unnamed memory file; `name` shows in /proc. Size it with `fs.ftruncateSync`. */
  memfdCreate(name: string, flags: number): number;

  /** `ioctl` with an integer, or with bytes that the kernel may read and write in place. Returns the call's result. */
  ioctl(descriptor: number, request: number, argument?: number | Uint8Array): number;
  /** Reads up to `length` bytes to `buffer[offset…]`; 0 at end of file, −1 where it would block (EAGAIN). */
  read(descriptor: number, buffer: Uint8Array, offset: number, length: number): number;
  /** Writes `length` bytes from `buffer[offset…]`; the count written, or −1 where it would block (EAGAIN). */
  write(descriptor: number, buffer: Uint8Array, offset: number, length: number): number;

  /** A new event counter descriptor. */
  eventfd(initial: number, flags: number): number;
  epollCreate(): number;
  /** `events` is a mask of `EPOLL…`; ignored for `EPOLL_CTL_DEL`. The descriptor itself is the event's data. */
  epollControl(epoll: number, operation: number, descriptor: number, events: number): void;
  /**
   * Waits at most `timeoutMilliseconds` (−1: for ever, 0: a look). Fills `ready` with pairs (descriptor, events) and
   * returns the number of pairs; 0 on time-out or on an interrupting signal.
   */
  epollWait(epoll: number, ready: Int32Array, timeoutMilliseconds: number): number;

  /** A connected pair of Unix sockets of `type` (`SOCK_STREAM` or `SOCK_SEQPACKET`), close-on-exec. */
  socketPair(type: number): [number, number];
  /** Sends `data` with `descriptors` attached (SCM_RIGHTS); the count of bytes sent, or −1 where it would block. */
  sendmsg(descriptor: number, data: Uint8Array, descriptors: readonly number[]): number;
  /** Receives into `data`, accepting up to `maximumDescriptors`; the new descriptors are close-on-exec and the caller's. */
  recvmsg(descriptor: number, data: Uint8Array, maximumDescriptors: number): ReceivedMessage;

  /** Pins the calling thread to these CPUs. */
  setAffinity(cpus: readonly number[]): void;
  /** CPUs that the calling thread may run on, ascending. */
  getAffinity(): number[];

  /**
   * Dead man's switch: when this environment ends in whatever way (exit, uncaught exception, worker terminated), `data`
   * is written to `descriptor` at `offset` with pwrite, before any mapping is released. Returns a token.
   * The descriptor is duplicated, so closing the original does not disarm it.
   */
  armCleanupWrite(descriptor: number, offset: number, data: Uint8Array): number;
  /** Forgets a write armed before. Throws if the token is not armed. */
  disarmCleanupWrite(token: number): void;
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  try {
    return require('../../build/Release/ixy.node') as Addon;
  } catch (cause) {
    throw new IxyError(
      'ERR_NO_ADDON',
      `the native addon could not be loaded (${cause instanceof Error ? cause.message.split('\n')[0] : cause}); run: npm run install`,
      { cause },
    );
  }
}

let loaded: Addon | undefined;

/** The addon, loaded at the first call. Throws `ERR_NO_ADDON`. */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}
