/** Packet loops on several CPUs: a thread for each, with queues of the NICs and packets of its own. */
import type { NetDevice } from '../drivers/net-device.ts';
import { ReleaseStack } from '../drivers/release-stack.ts';
import { checkInteger, IxyError } from '../errors.ts';
import { allocatorLike } from '../memory/allocator-like.ts';
import { checkedByDefault } from '../memory/checked-pool.ts';
import type { DmaMemory } from '../memory/dma-memory.ts';
import { HUGE_PAGE_2_MIB } from '../memory/huge-pages.ts';
import { PacketPool } from '../memory/packet-pool.ts';
import { SharedPool } from '../memory/shared-pool.ts';
import { addon } from '../native/addon.ts';
import { createRings, type WorkerRing } from './rings.ts';
import { WorkerGroup } from './worker-group.ts';

/** How `runWorkers` spreads NICs over CPUs. */
export interface WorkersOptions {
  /** A worker on each of these CPUs. */
  readonly cores: readonly number[];
  /**
   * Receive and transmit queues of each NIC that a worker gets: worker 0 the first ones. The NICs must have been opened with as
   * many for each worker. Default 1.
   */
  readonly queuesPerWorker?: number;
  /**
   * Threads beside the workers that get no queues and may run anywhere: to take what rings bring them. They run the same module;
   * their indices follow those of the workers. Default 0.
   */
  readonly helpers?: number;
  /** Packets that a thread has: more than its rings take, for the others to be in its hands. Default: 4096 for each queue of each NIC. */
  readonly packetsPerWorker?: number;
  /** Rings between the workers, and this thread, by name. */
  readonly rings?: Readonly<Record<string, WorkerRing>>;
  /** What every worker gets, as a structured clone. */
  readonly data?: unknown;
  /** Stops the workers; see `WorkerGroup.stop`. */
  readonly signal?: AbortSignal;
  /** Gives memory for the packets, which the group frees. Default: of the kind that the first NIC's packets lie in. */
  readonly allocateMemory?: (minimumBytes: number) => DmaMemory;
  /** Watch the loops of the workers: each gets a `PollWatch`, and this thread a `WatchReader` of it. Default false. */
  readonly watch?: boolean;
  /** Check at every burst who owns which packet. Default: whether IXY_CHECK is set to 1. */
  readonly checked?: boolean;
}

const PACKETS_PER_QUEUE = 4096;
const MOST_WORKERS = 254;

/**
 * Starts workers, which run the default export of `module` (a `WorkerMain`), and resolves once all of them do. NICs need
 * `NetDevice.lend`; what else is to be set about them stays with this thread, and so do their statistics.
 *
 * Throws `ERR_ARGUMENT` for CPUs that this process may not use, NICs with too few queues, rings that there cannot be, and too
 * little memory; what `lend` and allocating memory throw; a DataCloneError for `data` that no thread can be sent; the signal's
 * reason if it is aborted meanwhile; and whatever a worker throws before it runs. Then the NICs have their queues again, and the
 * memory is free, unless a queue does not stop (`ERR_TIMEOUT`).
 */
export async function runWorkers(
  nics: readonly NetDevice[],
  options: WorkersOptions,
  module: URL,
): Promise<WorkerGroup> {
  const { cores, queuesPerWorker = 1, helpers = 0, rings = {}, data, signal, checked = checkedByDefault() } = options;
  checkCores(cores);
  checkInteger('queuesPerWorker', queuesPerWorker, 1, 64);
  checkInteger('helpers', helpers, 0, MOST_WORKERS - cores.length);
  checkQueues(nics, cores.length * queuesPerWorker);
  const packets = options.packetsPerWorker ?? PACKETS_PER_QUEUE * queuesPerWorker * Math.max(1, nics.length);
  checkInteger('packetsPerWorker', packets, 1, 2 ** 20);
  const allocate = options.allocateMemory ?? defaultAllocator(nics);
  const members = 1 + cores.length + helpers;
  const watch = options.watch ?? false;
  const acquired = new ReleaseStack();
  let group: WorkerGroup;
  try {
    const memory = allocateAtLeast(PacketPool.memorySize(packets * members, HUGE_PAGE_2_MIB), allocate, acquired);
    const pool = new SharedPool(memory, { members, name: 'pool of the workers', checked });
    const shares = createRings(pool, rings);
    const plan = { nics, queuesPerWorker, pool, rings: shares, module: module.href, data, watch };
    group = new WorkerGroup(cores, helpers, plan, signal);
  } catch (error) {
    acquired.release();
    throw error;
  }
  // From here on it is the group that gives the memory back, once no queue can write to it any more.
  await group.start();
  return group;
}

function allocateAtLeast(
  bytes: number,
  allocate: (minimumBytes: number) => DmaMemory,
  acquired: ReleaseStack,
): DmaMemory {
  const memory = allocate(bytes);
  acquired.push(() => memory.free());
  if (memory.size >= bytes) return memory;
  throw new IxyError(
    'ERR_ARGUMENT',
    `allocateMemory must give the ${bytes} bytes that it is asked for, found ${memory.size}; ` +
      'ask for fewer packetsPerWorker, or give more',
  );
}

function checkCores(cores: readonly number[]): void {
  checkInteger('workers', cores.length, 1, MOST_WORKERS);
  const usable = addon().getAffinity();
  for (const core of cores) {
    if (usable.includes(core)) continue;
    throw new IxyError('ERR_ARGUMENT', `cores must be of those that this process may use: ${usable}, found ${core}`);
  }
}

function checkQueues(nics: readonly NetDevice[], needed: number): void {
  for (const { name, rx, tx, lend } of nics) {
    if (!lend) {
      const reason = 'only the thread that opened it can use it: it is no NIC';
      throw new IxyError('ERR_DEVICE_UNSUPPORTED', `${name} cannot lend queues to workers, as ${reason}`);
    }
    if (rx.length >= needed && tx.length >= needed) continue;
    throw new IxyError(
      'ERR_ARGUMENT',
      `${name}: the workers need ${needed} queues each way, found ${rx.length} to receive and ${tx.length} to send; ` +
        `open it with { rxQueues: ${needed}, txQueues: ${needed} }`,
    );
  }
}

function defaultAllocator([nic]: readonly NetDevice[]): (minimumBytes: number) => DmaMemory {
  if (nic) return allocatorLike(nic.rx[0].pool.memory);
  throw new IxyError('ERR_ARGUMENT', 'without a NIC, allocateMemory must say where packets lie');
}
