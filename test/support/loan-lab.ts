/** An emulated NIC, which judges, that lends queues to threads which echo; and traffic that knows what must come back. */
import { afterEach, expect } from 'vitest';
import { openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import type { LoanRequest, QueueLoan } from '../../src/drivers/loan.ts';
import type { NetDevice, RxQueue, TxQueue } from '../../src/drivers/net-device.ts';
import { openVirtio, type VirtioOptions } from '../../src/drivers/virtio/index.ts';
import { ThreadedPciDevice } from '../../src/emulation/index.ts';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { SharedPool } from '../../src/memory/shared-pool.ts';
import { Borrower, MARK_OFFSET } from './borrower.ts';

export const PAGE = 2 ** 21;
export const MEMBERS = 4;
/** How echoes are marked: by the borrower, and by this thread. */
export const BORROWER = 0xb0;
const LENDER = 0xa0;
const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';
export const FLOWS = 64;
/** Which flow a frame is of, and its number in it, stand behind the mark. */
const FLOW_OFFSET = 44;
const NUMBER_OFFSET = 48;

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

/** A UDP frame to the NIC, of one of `FLOWS` flows; of more than a buffer, the rest is zeros behind it. */
function writeFrame(pool: PacketPool, packet: number, length: number, flow: number, number: number): void {
  let rest = length;
  for (let segment = packet; ; ) {
    const part = Math.min(rest, pool.dataSize);
    pool.length[segment] = part;
    rest -= part;
    if (rest === 0) break;
    const next = pool.allocate();
    pool.chain(segment, next);
    segment = next;
  }
  const frame = Buffer.from(pool.bytes.buffer, pool.offset(packet), 64).fill(0);
  frame.write('02000000000a02000000000b08004500', 0, 'hex');
  frame.writeUInt16BE(length - 14, 16);
  frame.write('4011', 22, 'hex');
  frame.write('0a0000010a000002', 26, 'hex');
  frame.writeUInt16BE(1000 + flow, 34);
  frame.writeUInt16BE(2000, 36);
  frame.writeUInt16BE(length - 34, 38);
  frame.writeUInt32BE(flow, FLOW_OFFSET);
  frame.writeUInt32BE(number, NUMBER_OFFSET);
}

/** Sends frames of all flows in turn, and takes the echoes; knows what each flow got back, and from whom. */
export class Traffic {
  readonly sent = new Int32Array(FLOWS);
  readonly echoed = new Int32Array(FLOWS);
  /** By flow: marks of the echoes. */
  readonly marks = Array.from({ length: FLOWS }, () => new Set<number>());
  disorder = 0;
  readonly #rx: RxQueue;
  readonly #tx: TxQueue;
  readonly #local: { readonly rx: RxQueue; readonly tx: TxQueue };
  readonly #batch = new PacketBatch(16);
  readonly #frame: number;
  readonly #echoes = new Map<number, number>();
  #flow = 0;

  constructor({ nic, peer, frame }: Lab) {
    this.#frame = frame;
    this.#rx = peer.rx[0];
    this.#tx = peer.tx[0];
    this.#local = { rx: nic.rx[0], tx: nic.tx[0] };
  }

  get inFlight(): number {
    return this.sent.reduce((sum, sent, flow) => sum + sent - this.echoed[flow], 0);
  }

  echoedBy(mark: number): number {
    return this.#echoes.get(mark) ?? 0;
  }

  send(): void {
    const { pool } = this.#rx;
    const batch = this.#batch;
    batch.allocate(pool, batch.capacity);
    for (let i = 0; i < batch.length; i++) {
      const flow = this.#flow;
      this.#flow = (flow + 1) % FLOWS;
      writeFrame(pool, batch.packets[i], this.#frame, flow, this.sent[flow]++);
    }
    this.#tx.transmit(batch);
    batch.free();
  }

  /** This thread's part of the echo, and what comes back. */
  turn(): void {
    const batch = this.#batch;
    this.#local.rx.receive(batch);
    for (let i = 0; i < batch.length; i++) batch.pool.bytes[batch.offset(i) + MARK_OFFSET] = LENDER;
    this.#local.tx.transmit(batch);
    batch.free();
    this.#rx.receive(batch);
    for (let i = 0; i < batch.length; i++) {
      const frame = Buffer.from(batch.pool.bytes.buffer, batch.offset(i), 64);
      const flow = frame.readUInt32BE(FLOW_OFFSET);
      const number = frame.readUInt32BE(NUMBER_OFFSET);
      if (number < this.echoed[flow]) this.disorder++;
      this.echoed[flow] = number + 1; // those before it are lost, if they have not come
      this.marks[flow].add(frame[MARK_OFFSET]);
      this.#echoes.set(frame[MARK_OFFSET], this.echoedBy(frame[MARK_OFFSET]) + 1);
    }
    batch.free();
  }

  /** `count` bursts with so few frames in flight that no ring overflows, and all echoes. */
  async run(count: number): Promise<void> {
    for (let burst = 0; burst < count; burst++) {
      this.send();
      await until(() => {
        this.turn();
        return this.inFlight < 128;
      }, `${this.inFlight} frames are missing`);
    }
    await until(() => {
      this.turn();
      return this.inFlight === 0;
    }, 'echoes are missing');
  }
}

export async function until(look: () => boolean, missing: string, milliseconds = 10_000): Promise<void> {
  for (const end = performance.now() + milliseconds; !look(); ) {
    if (performance.now() > end) throw new Error(missing);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
