/** Queues of an 82599 in other threads, on the emulated one, which judges. */
import { afterEach, describe, expect, test } from 'vitest';
import { type IxgbeDevice, type IxgbeOptions, openIxgbe } from '../../../src/drivers/ixgbe/index.ts';
import type { RxQueue, TxQueue } from '../../../src/drivers/net-device.ts';
import { EmulatedPciDevice, ThreadedPciDevice } from '../../../src/emulation/index.ts';
import type { DmaMemory } from '../../../src/memory/dma-memory.ts';
import { allocateHugeMemory } from '../../../src/memory/huge-memory.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { PacketPool } from '../../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { SharedPool } from '../../../src/memory/shared-pool.ts';
import { Borrower, MARK_OFFSET } from '../../support/borrower.ts';
import { hugePagesMissing, useHugePages } from '../../support/huge-pages.ts';
import { openDescriptors } from '../../support/process.ts';

const PAGE = 2 ** 21;
const MEMBERS = 4;
/** How echoes are marked: by the borrower, and by this thread. */
const BORROWER = 0xb0;
const LENDER = 0xa0;
const MAC_A = '02:00:00:00:00:0a';
const MAC_B = '02:00:00:00:00:0b';
const FLOWS = 64;
/** Which flow a frame is of, and its number in it, stand behind the mark. */
const FLOW_OFFSET = 44;
const NUMBER_OFFSET = 48;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Lab {
  /** Two queues each way; flows are spread over both. Its packets are member 0 of `pool`. */
  readonly nic: IxgbeDevice;
  readonly device: ThreadedPciDevice;
  readonly pool: SharedPool;
  /** At the other end of the cable. */
  readonly peer: IxgbeDevice;
  readonly frame: number;
}

interface LabOptions {
  readonly allocate?: (bytes: number) => DmaMemory;
  readonly checked?: boolean;
  readonly mtu?: number;
  /** Bytes in the frames of its traffic. Default 64. */
  readonly frame?: number;
}

async function openLab({ allocate = allocatePlainMemory, ...options }: LabOptions = {}): Promise<Lab> {
  const { checked = false, mtu = 1500, frame = 64 } = options;
  const wire = { kind: 'cable', name: `loan-${cables++}` } as const;
  const open = async (device: ThreadedPciDevice, options: Partial<IxgbeOptions>): Promise<IxgbeDevice> => {
    const nic = await openIxgbe(device, { allocateMemory: allocate, mtu, ...options });
    cleanups.push(() => nic.close());
    return nic;
  };
  const pool = new SharedPool(allocate(PacketPool.memorySize(4 * 2048, PAGE)), { members: MEMBERS, checked });
  cleanups.push(() => pool.close());
  const device = new ThreadedPciDevice({ address: 'emulated:a', strict: true, wire, mac: MAC_A });
  const nic = await open(device, { rxQueues: 2, txQueues: 2, pool: pool.view(0) });
  const peer = await open(new ThreadedPciDevice({ address: 'emulated:b', wire, mac: MAC_B }), { promiscuous: true });
  await Promise.all([nic.waitForLink(), peer.waitForLink()]);
  return { nic, device, pool, peer, frame };
}
let cables = 0;

/** Lends queue 1 both ways to a new thread. */
async function lendTo({ nic, pool }: Lab, member: number, options: { readonly sleeps?: boolean } = {}) {
  const loan = nic.lend({ rx: [1], tx: [1], memory: pool.memory });
  cleanups.push(() => loan.takeBack());
  const borrower = new Borrower({ loan, pool: pool.share(member), mark: BORROWER, ...options });
  cleanups.push(() => borrower.kill());
  await borrower.running();
  return { loan, borrower };
}

/** The member's packets are all there again, and the NIC was driven by its rules. */
function expectWhole({ pool, device }: Lab, member: number): void {
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
class Traffic {
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

async function until(look: () => boolean, missing: string, milliseconds = 10_000): Promise<void> {
  for (const end = performance.now() + milliseconds; !look(); ) {
    if (performance.now() > end) throw new Error(missing);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a borrowed queue', () => {
  test('carries traffic both ways while this thread has another queue of the same NIC', async () => {
    const lab = await openLab();
    const { borrower, loan } = await lendTo(lab, 1);
    const traffic = new Traffic(lab);
    await traffic.run(300);
    expect(traffic.disorder).toBe(0);
    // Which flows the borrower has is what the NIC's hash says: about half of them.
    const byBorrower = traffic.marks.filter((marks) => marks.has(BORROWER)).length;
    expect(traffic.marks.every((marks) => marks.size === 1)).toBe(true);
    expect(byBorrower).toBeGreaterThan(FLOWS / 4);
    expect(byBorrower).toBeLessThan((FLOWS * 3) / 4);
    expect(await borrower.stop()).toEqual({ pending: [0], name: 'emulated:a' });
    loan.takeBack();
    expectWhole(lab, 1);
  });

  test('is counted by its port, without asking anybody', async () => {
    const lab = await openLab();
    await lendTo(lab, 1);
    lab.nic.rss({ queues: [1] });
    const traffic = new Traffic(lab);
    await traffic.run(50);
    expect(lab.nic.statistics()).toMatchObject({ rxPackets: 800, txPackets: 800, rxDropped: 0, txDropped: 0 });
    const counters = lab.nic.counters();
    expect([counters['QPRC[0]'], counters['QPRC[1]'], counters['rx[1].badFrames']]).toEqual([0, 800, 0]);
  });

  test('finds nothing for the thread that lent it', async () => {
    const { nic, pool, device } = await openLab();
    const before = pool.view(0).available;
    const loan = nic.lend({ rx: [1], tx: [0, 1], memory: pool.memory });
    expect(pool.view(0).available).toBe(before + 480); // those in its ring
    const batch = new PacketBatch(4);
    batch.allocate(pool.view(0), 4);
    expect([nic.tx[0].transmit(batch), nic.tx[0].pending(), batch.length]).toEqual([0, 0, 4]);
    batch.free();
    expect([nic.rx[1].receive(batch), nic.rx[1].interrupt]).toEqual([0, undefined]);
    loan.takeBack();
    loan.takeBack();
    expect(nic.rx[1].receive(batch)).toBe(0);
    expect(device.inspect().violations).toEqual([]);
  });

  test('sleeps until a packet comes', async () => {
    const lab = await openLab();
    const { borrower } = await lendTo(lab, 1, { sleeps: true });
    lab.nic.rss({ queues: [1] });
    const traffic = new Traffic(lab);
    for (let round = 0; round < 50; round++) {
      await until(() => borrower.sleeps > round, 'it does not go to sleep');
      await traffic.run(1);
    }
    expect(borrower.sleeps).toBeGreaterThanOrEqual(50);
    expect(lab.device.inspect().violations).toEqual([]);
  });

  test('can be of a pool with checks', async () => {
    const lab = await openLab({ checked: true });
    const { borrower, loan } = await lendTo(lab, 1);
    await new Traffic(lab).run(50);
    await borrower.stop();
    loan.takeBack();
    expectWhole(lab, 1);
  });

  test('takes jumbo frames', async () => {
    const lab = await openLab({ mtu: 9000, frame: 5000 });
    const { loan, borrower } = await lendTo(lab, 1);
    lab.nic.rss({ queues: [1] });
    const traffic = new Traffic(lab);
    await traffic.run(20);
    await borrower.kill();
    loan.takeBack();
    expectWhole(lab, 1);
  });
});

describe('a borrower that dies in the midst of traffic', { timeout: 120_000 }, () => {
  test('harms nobody: its queues are taken back, its packets recovered, and others borrow them, 50 times', async () => {
    const lab = await openLab();
    const traffic = new Traffic(lab);
    for (let life = 0; life < 50; life++) {
      const { borrower, loan } = await lendTo(lab, 1, { sleeps: life % 2 === 1 });
      const begin = traffic.echoedBy(BORROWER);
      await until(() => {
        if (traffic.inFlight < 512) traffic.send();
        traffic.turn();
        return traffic.echoedBy(BORROWER) > begin + 20 * (1 + (life % 7));
      }, 'no traffic goes on');
      await borrower.kill();
      loan.takeBack();
      expectWhole(lab, 1);
    }
  });
});

describe('a loan', () => {
  test('outlives its port, whose borrowers wake up and find nothing', async () => {
    const lab = await openLab();
    const { borrower, loan } = await lendTo(lab, 1, { sleeps: true });
    await until(() => borrower.sleeps > 0, 'it does not go to sleep');
    lab.nic.close();
    expect(await borrower.ended()).toEqual({ pending: [0], name: 'emulated:a' });
    loan.takeBack();
    lab.pool.recover(1);
    expect(lab.pool.held(1)).toBe(lab.pool.capacity / MEMBERS);
  });

  test('outlives the death of its borrower beside a port that is closed', async () => {
    const lab = await openLab();
    const { borrower, loan } = await lendTo(lab, 1);
    await new Traffic(lab).run(5);
    lab.nic.close();
    await borrower.kill();
    loan.takeBack();
    lab.pool.recover(1);
    expect(lab.pool.held(1)).toBe(lab.pool.capacity / MEMBERS);
  });

  test('outlives its device, whose borrowers wake up and find nothing', async () => {
    const lab = await openLab();
    const { borrower, loan } = await lendTo(lab, 1, { sleeps: true });
    await until(() => borrower.sleeps > 0, 'it does not go to sleep');
    const removed = new Promise((resolve) => lab.nic.once('removed', resolve));
    lab.device.injectFault({ kind: 'removal' });
    await removed;
    await borrower.ended();
    loan.takeBack();
    lab.pool.recover(1);
    expect(lab.pool.held(1)).toBe(lab.pool.capacity / MEMBERS);
  });

  test('gives back all descriptors', async () => {
    const { nic, pool } = await openLab();
    const lend = () => nic.lend({ rx: [0, 1], tx: [], memory: pool.memory });
    lend().takeBack();
    const before = openDescriptors();
    for (let i = 0; i < 20; i++) lend().takeBack();
    expect(openDescriptors()).toBe(before);
  });

  test('is of queues that there are, and that are at home', async () => {
    const { nic, pool } = await openLab();
    const { memory } = pool;
    const refusal = (message: string) => expect.objectContaining({ code: 'ERR_ARGUMENT', message });
    expect(() => nic.lend({ rx: [2], tx: [], memory })).toThrow(
      refusal('emulated:a: no receive queue 2 to lend: there are 2'),
    );
    expect(() => nic.lend({ rx: [], tx: [0.5], memory })).toThrow(
      refusal('emulated:a: no transmit queue 0.5 to lend: there are 2'),
    );
    const again = 'emulated:a: no receive queue 1 to lend: it is lent already';
    expect(() => nic.lend({ rx: [1, 1], tx: [], memory })).toThrow(refusal(again));
    const loan = nic.lend({ rx: [1], tx: [0], memory });
    expect(() => nic.lend({ rx: [1], tx: [], memory })).toThrow(refusal(again));
    expect(() => nic.lend({ rx: [], tx: [0], memory })).toThrow(
      refusal('emulated:a: no transmit queue 0 to lend: it is lent already'),
    );
    loan.takeBack();
    nic.lend({ rx: [1], tx: [0], memory }).takeBack();
    nic.close();
    expect(() => nic.lend({ rx: [1], tx: [], memory })).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  test('is refused where no other thread can reach the device', async () => {
    const nic = await openIxgbe(new EmulatedPciDevice(), { allocateMemory: allocatePlainMemory });
    cleanups.push(() => nic.close());
    const memory = allocatePlainMemory(PAGE);
    const refusal = expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED' });
    expect(() => nic.lend({ rx: [0], tx: [], memory })).toThrow(refusal);
    expect(nic.rx[0].receive(new PacketBatch(1))).toBe(0);
  });

  test('is of memory that threads can share', async () => {
    const { nic } = await openLab();
    const memory: DmaMemory = {
      ...allocatePlainMemory(PAGE),
      buffer: new ArrayBuffer(PAGE),
      size: PAGE,
      pageSize: PAGE,
    };
    expect(() => nic.lend({ rx: [1], tx: [], memory })).toThrow(expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }));
    expect(() => nic.lend({ rx: [1], tx: [], memory: allocatePlainMemory(PAGE) })).not.toThrow();
  });
});

describe.skipIf(hugePagesMissing() !== undefined)('on huge pages', () => {
  useHugePages(24);
  test('queues are lent, and taken from the dead', async () => {
    const lab = await openLab({ allocate: allocateHugeMemory });
    for (let life = 0; life < 3; life++) {
      const { borrower, loan } = await lendTo(lab, 1);
      await new Traffic(lab).run(20);
      await borrower.kill();
      loan.takeBack();
      expectWhole(lab, 1);
    }
  });
});
