/** An emulated NIC, which judges, that lends queues to threads which echo; and traffic that knows what must come back. */
import { afterEach, expect } from 'vitest';
import { openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import type { LoanRequest, QueueLoan } from '../../src/drivers/lending/loan.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { openVirtio, type VirtioOptions } from '../../src/drivers/virtio/index.ts';
import { ThreadedPciDevice } from '../../src/emulation/index.ts';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { Borrower } from './borrower.ts';
import { FlowTraffic, MARK_OFFSET } from './flow-traffic.ts';

export { until } from './flow-traffic.ts';

export const PAGE = 2 ** 21;
export const MEMBERS = 4;
/** How echoes are marked: by the borrower, and by this thread. */
export const BORROWER = 0xb0;
const LENDER = 0xa0;
const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';
export const FLOWS = 64;

export const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Device = ThreadedPciDevice<'ixgbe'> | ThreadedPciDevice<'virtio'>;

export interface Lab {
  /** Two queues each way; flows are spread over both. Its packets are member 0 of `pool`. */
  readonly nic: NetDevice;
  readonly device: Device;
  readonly pool: SharedPool;
  /** At the other end of the cable. */
  readonly peer: NetDevice;
  readonly frame: number;
}

export interface LabOptions {
  readonly model?: 'ixgbe' | 'virtio';
  /** For the virtio driver. */
  readonly virtio?: Pick<VirtioOptions, 'ring' | 'without'>;
  readonly allocate?: (bytes: number) => DmaMemory;
  readonly checked?: boolean;
  readonly mtu?: number;
  /** Bytes in the frames of its traffic. Default 64. */
  readonly frame?: number;
}

export async function openLab({ allocate = allocatePlainMemory, ...options }: LabOptions = {}): Promise<Lab> {
  const { model = 'ixgbe', checked = false, mtu = 1500, frame = 64 } = options;
  const wire = { kind: 'cable', name: `loan-${cables++}` } as const;
  const adopt = (nic: NetDevice): NetDevice => {
    cleanups.push(() => nic.close());
    return nic;
  };
  const pool = new SharedPool(allocate(PacketPool.memorySize(4 * 2048, PAGE)), { members: MEMBERS, checked });
  cleanups.push(() => pool.close());
  const common = { allocateMemory: allocate, mtu };
  const queues = { ...common, rxQueues: 2, txQueues: 2, pool: pool.view(0) };
  const link = { strict: true, wire, mac: MAC_A, address: 'emulated:a' } as const;
  const device: Device =
    model === 'ixgbe'
      ? new ThreadedPciDevice(link)
      : new ThreadedPciDevice({ ...link, model: 'virtio', queuePairs: 2, mtu });
  const nic = adopt(
    await (model === 'ixgbe' ? openIxgbe(device, queues) : openVirtio(device, { ...queues, ...options.virtio })),
  );
  const other = new ThreadedPciDevice({ address: 'emulated:b', wire, mac: MAC_B });
  const peer = adopt(await openIxgbe(other, { ...common, promiscuous: true }));
  await Promise.all([nic.waitForLink(), peer.waitForLink()]);
  return { nic, device, pool, peer, frame };
}
let cables = 0;

export function lend({ nic }: Pick<Lab, 'nic'>, request: LoanRequest): QueueLoan {
  if (!nic.lend) throw new Error('the driver lends no queues');
  return nic.lend(request);
}

/** Lends queue 1 both ways to a new thread. */
export async function lendTo({ nic, pool }: Lab, member: number, options: { readonly sleeps?: boolean } = {}) {
  const loan = lend({ nic }, { rx: [1], tx: [1], memory: pool.memory });
  cleanups.push(() => loan.takeBack());
  const borrower = new Borrower({ loan, pool: pool.share(member), mark: BORROWER, ...options });
  cleanups.push(() => borrower.kill());
  await borrower.running();
  return { loan, borrower };
}

/** The member's packets are all there again, and the NIC was driven by its rules. */
export function expectWhole({ pool, device }: Lab, member: number): void {
  pool.recover(member);
  const share = pool.capacity / MEMBERS;
  expect(pool.held(member)).toBe(share);
  expect(pool.recover(member)).toBe(0); // none is anywhere but in its free list
  expect(device.inspect().violations).toEqual([]);
}

/** Frames of all flows to the NIC, of which this thread has a queue, too, and sends them back. */
export class Traffic extends FlowTraffic {
  constructor({ nic, peer, frame }: Lab) {
    const batch = new PacketBatch(16);
    const echo = (): void => {
      nic.rx[0].receive(batch);
      for (let i = 0; i < batch.length; i++) batch.pool.bytes[batch.offset(i) + MARK_OFFSET] = LENDER;
      nic.tx[0].transmit(batch);
      batch.free();
    };
    super(peer, FLOWS, { frame, others: echo });
  }
}
