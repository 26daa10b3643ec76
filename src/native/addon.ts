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

/** Linux constants, compiled from the system's headers; all are integers. */
export interface AddonConstants {
  readonly MAP_SHARED: number;
  readonly MAP_PRIVATE: number;
  readonly MAP_ANONYMOUS: number;
  readonly MAP_LOCKED: number;
  readonly MAP_POPULATE: number;
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
  readonly CLOCK_MONOTONIC: number;
  readonly CLOCK_THREAD_CPUTIME_ID: number;
  readonly SOCK_STREAM: number;
  readonly SOCK_SEQPACKET: number;
  readonly SOCK_NONBLOCK: number;
  /** Bytes in an ordinary page of this machine. */
  readonly PAGE_SIZE: number;
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
   * mapping itself, no copy. It is always readable and writable, as JavaScript knows no read-only ArrayBuffer; `flags` is
   * made of the `MAP_` constants here. The range must lie within a regular file, which must not shrink while it is mapped.
   *
   * It is unmapped by `munmap`, when its environment ends, or by garbage collection; but while a cleanup write is armed
   * collection unmaps nothing, as a device may still be using the memory.
   */
  mmap(descriptor: number, length: number, offset: number, flags: number): ArrayBuffer;
  /** Unmaps and detaches: every view over `mapping` has length 0 from now on. Throws if `mapping` is not a live mapping. */
  munmap(mapping: ArrayBuffer): void;
  /**
   * Maps the same pages once more, side by side in this order, as a mapping of its own. Each piece must be whole pages of
   * what `mmap` returned (not of what this returned). The kernel refuses private memory, and huge pages of hugetlbfs.
   */
  joinMappings(pieces: readonly Uint8Array[]): ArrayBuffer;
  /** Virtual address of the first byte, for /proc/self/pagemap and VFIO's DMA map. Below 2^47. */
  addressOf(bytes: Uint8Array): number;
  /** A new descriptor of an unnamed memory file; `name` shows in /proc. Size it with `fs.ftruncateSync`. */
  memfdCreate(name: string, flags: number): number;

  /**
   * `ioctl` with an integer (0 … 2^32−1), or with bytes that the kernel may read and write in place; returns the call's
   * result. Throws if the bytes are fewer than the request number announces. The kernel works on a copy with room behind
   * it, so a structure that is larger than the bytes given is cut off and harms nothing.
   */
  ioctl(descriptor: number, request: number, argument?: number | Uint8Array): number;
  /** Reads up to `length` bytes to `buffer[offset…]`; 0 at end of file, −1 where it would block (EAGAIN). */
  read(descriptor: number, buffer: Uint8Array, offset: number, length: number): number;
  /** Writes `length` bytes from `buffer[offset…]`; the count written, or −1 where it would block (EAGAIN). */
  write(descriptor: number, buffer: Uint8Array, offset: number, length: number): number;

  /**
   * Takes the exclusive advisory lock of the open file (`flock`); false if another open file holds it. It is given back
   * when the last duplicate of the descriptor is closed, however the process ends.
   */
  tryLock(descriptor: number): boolean;
  /**
   * Closes a descriptor that one of these calls made. Those of `eventfd`, `epollCreate`, `memfdCreate`, `listen`, `accept` and `connect` are closed on the
   * thread that made them; the end of a worker closes what it has left. (Those from `fs` go back to `fs`: in a worker it keeps account of
   * its own, and warns about others.)
   */
  close(descriptor: number): void;

  /** A new event counter descriptor. */
  eventfd(initial: number, flags: number): number;
  epollCreate(): number;
  /** `events` is a mask of `EPOLL…`; ignored for `EPOLL_CTL_DEL`. The descriptor itself is the event's data. */
  epollControl(epoll: number, operation: number, descriptor: number, events: number): void;
  /**
   * Waits at most `timeoutMilliseconds` (−1: for ever, 0: a look). Fills `ready` with pairs (descriptor, events) and
   * returns the number of pairs, at most 256; 0 on time-out or on an interrupting signal.
   */
  epollWait(epoll: number, ready: Int32Array, timeoutMilliseconds: number): number;

  /**
   * Has the event loop call `callback` for as long as `descriptor` is readable, or in error: the callback reads it, or is
   * called again at once. Returns a token. The watch alone keeps no process from ending. The descriptor becomes
   * non-blocking, and is duplicated: closing the original does not end the watch.
   */
  watch(descriptor: number, callback: () => void): number;
  /** Ends a watch; no callback comes any more. Throws if the token is not watched. */
  unwatch(token: number): void;
  /** Whether the watch keeps the event loop, and so the process, from ending. */
  keepWatchAlive(token: number, enabled: boolean): void;

  /** A connected pair of Unix sockets of `type` (`SOCK_STREAM` or `SOCK_SEQPACKET`, `| SOCK_NONBLOCK`), close-on-exec. */
  socketPair(type: number): [number, number];
  /** A new stream socket, non-blocking, that listens at the socket file `path` (at most 107 bytes), which it makes. */
  listen(path: string, backlog: number): number;
  /** The next connection to a listening socket, non-blocking; −1 if there is none yet. */
  accept(descriptor: number): number;
  /** A new stream socket, connected to the socket file `path`. */
  connect(path: string): number;
  /** Sends `data` (at least a byte) with `descriptors` attached; the count of bytes sent, or −1 where it would block. */
  sendmsg(descriptor: number, data: Uint8Array, descriptors: readonly number[]): number;
  /**
   * Receives into `data`, accepting up to `maximumDescriptors` (0 … 253), which are close-on-exec and the caller's; any
   * more that came with the message are closed.
   */
  recvmsg(descriptor: number, data: Uint8Array, maximumDescriptors: number): ReceivedMessage;

  /** Pins the calling thread to these CPUs. */
  setAffinity(cpus: readonly number[]): void;
  /** CPUs that the calling thread may run on, ascending. */
  getAffinity(): number[];

  /**
   * A function that writes the time of a clock (`CLOCK_…`), in nanoseconds, to `word[0]`; it allocates nothing. The clock of
   * CPU time is that of the thread that calls. `word` must lie in a SharedArrayBuffer, which the function keeps alive.
   */
  clock(id: number, word: Float64Array): () => void;

  /**
   * Dead man's switch: when this environment ends (exit, uncaught exception, worker terminated; not a signal that kills),
   * `data` is written to `descriptor` at `offset` with pwrite, before any mapping is released. Returns a token.
   * The descriptor is duplicated, so closing the original does not disarm it.
   */
  armCleanupWrite(descriptor: number, offset: number, data: Uint8Array): number;
  /** Forgets a write armed before. Throws if the token is not armed. */
  disarmCleanupWrite(token: number): void;
}

function load(): Addon {
  const require = createRequire(import.meta.url);
  try {
    // IXY_ADDON: another build of it, such as the one with sanitizers.
    return require(process.env.IXY_ADDON ?? '../../build/Release/ixy.node') as Addon;
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
