/** Lent queues: the borrower's side. It has the rings, the tails and its own interrupts of a device, and nothing else of it. */
import { ixgbe } from '../../datasheet/ixgbe/index.ts';
import { IxyError } from '../../errors.ts';
import type { DmaMemory } from '../../memory/dma-memory.ts';
import { LentDomain } from '../../memory/lent-domain.ts';
import type { PacketPool } from '../../memory/packet-pool.ts';
import { attachMemory } from '../../memory/shared-memory.ts';
import { DescriptorInterrupt } from '../../pci/descriptor-interrupt.ts';
import type { AttachedDevice } from '../../pci/device-share.ts';
import { frameInMemory } from '../frame-length.ts';
import { InterruptLine, QueueInterrupt } from '../interrupt-line.ts';
import type { BorrowedQueues, LentInterrupt, LentQueues, LentRing } from '../loan.ts';
import { ReleaseStack } from '../release-stack.ts';
import { vectorBit } from './interrupts.ts';
import { RxQueue } from './rx-queue.ts';
import { TxQueue } from './tx-queue.ts';

const NO_HEAD = 0xffff_ffff;

/** See `borrowQueues`. `device` belongs to the result. */
export function borrowIxgbeQueues(data: LentQueues, pool: PacketPool, device: AttachedDevice): BorrowedQueues {
  const acquired = new ReleaseStack();
  acquired.push(() => device.close());
  try {
    const { name, mac, mtu, rx: lentRx, tx: lentTx } = data;
    const registers = device.bar(0);
    const domain = new LentDomain(pool.memory, data.packets);
    const memories = data.rings.map((share) => {
      const memory = attachMemory(share);
      acquired.push(() => memory.free());
      return memory;
    });
    const common = { domain, doorbells: registers.doorbells, maximumFrame: frameInMemory(mtu) };
    const adopt = <Q extends RxQueue | TxQueue>(queue: Q): Q => {
      acquired.push(() => queue.abandon());
      return queue;
    };
    const rx = lentRx.map((lent) => {
      const { queue, state, hash, interrupt } = lent;
      const place = { ring: wordsOf(lent, memories), doorbell: ixgbe.RDT.at(queue) / 4 };
      const borrowed = adopt(new RxQueue({ ...common, ...place, state, hash, pool }));
      if (interrupt) borrowed.interrupt = borrowInterrupt(data, device, interrupt, acquired);
      return borrowed;
    });
    const tx = lentTx.map((lent) => {
      const { queue, state } = lent;
      const place = { ring: wordsOf(lent, memories), doorbell: ixgbe.TDT.at(queue) / 4 };
      const readHead = (): number => unlessEnded(data, () => registers.read32(ixgbe.TDH.at(queue)), NO_HEAD);
      return adopt(new TxQueue({ ...common, ...place, state, readHead }));
    });
    for (const queue of rx) queue.fill();
    return { name, mac, mtu, rx, tx, close: () => acquired.release() };
  } catch (error) {
    acquired.release();
    throw error;
  }
}

function wordsOf({ memory, offset, bytes }: LentRing, memories: readonly DmaMemory[]): Int32Array {
  return new Int32Array(memories[memory].buffer, offset, bytes / Int32Array.BYTES_PER_ELEMENT);
}

/** A queue's own vector: it masks itself when it fires, and clears its cause (see interrupts.ts). */
function borrowInterrupt(
  data: LentQueues,
  device: AttachedDevice,
  { descriptor, vector }: LentInterrupt,
  acquired: ReleaseStack,
): QueueInterrupt {
  const interrupt = new DescriptorInterrupt({ descriptor, counterBytes: 8 });
  acquired.push(() => interrupt.close());
  const line = new InterruptLine(interrupt, () => true);
  acquired.push(() => line.close());
  const { word, mask } = vectorBit(vector);
  const write = (name: 'EIMS_EXT' | 'EIMC_EXT'): void => {
    if (!unlessEnded(data, () => write32(device, name, word, mask), false)) line.close();
  };
  return new QueueInterrupt(line, { unmask: () => write('EIMS_EXT'), mask: () => write('EIMC_EXT') });
}

function write32(device: AttachedDevice, name: 'EIMS_EXT' | 'EIMC_EXT', word: number, mask: number): true {
  device.bar(0).write32(ixgbe[name].at(word), mask);
  return true;
}

/** What `access` returns; `otherwise` once the queues have ended: the port was closed, its device removed, or they were taken back. */
function unlessEnded<T>({ ended }: LentQueues, access: () => T, otherwise: T): T {
  if (Atomics.load(ended, 0) !== 0) return otherwise;
  try {
    return access();
  } catch (error) {
    const over = error instanceof IxyError && (error.code === 'ERR_CLOSED' || error.code === 'ERR_DEVICE_GONE');
    if (over) return otherwise;
    throw error;
  }
}
