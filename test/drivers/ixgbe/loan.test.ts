/** Queues of an 82599 in other threads, on the emulated one, which judges. */
import { describe, expect, test } from 'vitest';
import { openIxgbe } from '../../../src/drivers/ixgbe/index.ts';
import { EmulatedPciDevice } from '../../../src/emulation/index.ts';
import type { DmaMemory } from '../../../src/memory/dma-memory.ts';
import { allocateHugeMemory } from '../../../src/memory/huge-memory.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { hugePagesMissing, useHugePages } from '../../support/huge-pages.ts';
import {
  BORROWER,
  cleanups,
  expectWhole,
  FLOWS,
  lend,
  lendTo,
  MEMBERS,
  openLab,
  PAGE,
  Traffic,
  until,
} from '../../support/loan-lab.ts';
import { openDescriptors } from '../../support/process.ts';

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
    lab.nic.rss?.({ queues: [1] });
    const traffic = new Traffic(lab);
    await traffic.run(50);
    expect(lab.nic.statistics()).toMatchObject({ rxPackets: 800, txPackets: 800, rxDropped: 0, txDropped: 0 });
    const counters = lab.nic.counters();
    expect([counters['QPRC[0]'], counters['QPRC[1]'], counters['rx[1].badFrames']]).toEqual([0, 800, 0]);
  });

  test('finds nothing for the thread that lent it', async () => {
    const { nic, pool, device } = await openLab();
    const before = pool.view(0).available;
    const loan = lend({ nic }, { rx: [1], tx: [0, 1], memory: pool.memory });
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
    lab.nic.rss?.({ queues: [1] });
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
    lab.nic.rss?.({ queues: [1] });
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
    const lendBoth = () => lend({ nic }, { rx: [0, 1], tx: [], memory: pool.memory });
    lendBoth().takeBack();
    const before = openDescriptors();
    for (let i = 0; i < 20; i++) lendBoth().takeBack();
    expect(openDescriptors()).toBe(before);
  });

  test('is of queues that there are, and that are at home', async () => {
    const { nic, pool } = await openLab();
    const { memory } = pool;
    const refusal = (message: string) => expect.objectContaining({ code: 'ERR_ARGUMENT', message });
    expect(() => lend({ nic }, { rx: [2], tx: [], memory })).toThrow(
      refusal('emulated:a: there is no receive queue 2 to lend; its receive queues are 0 to 1'),
    );
    expect(() => lend({ nic }, { rx: [], tx: [0.5], memory })).toThrow(
      refusal('emulated:a: there is no transmit queue 0.5 to lend; its transmit queues are 0 to 1'),
    );
    expect(() => lend({ nic }, { rx: [1, 1], tx: [], memory })).toThrow(
      refusal('emulated:a: receive queue 1 is named twice in one request to lend; name each queue once'),
    );
    const loan = lend({ nic }, { rx: [1], tx: [0], memory });
    expect(() => lend({ nic }, { rx: [1], tx: [], memory })).toThrow(
      refusal('emulated:a: receive queue 1 is lent already; take it back first, with takeBack() of that loan'),
    );
    expect(() => lend({ nic }, { rx: [], tx: [0], memory })).toThrow(
      refusal('emulated:a: transmit queue 0 is lent already; take it back first, with takeBack() of that loan'),
    );
    loan.takeBack();
    lend({ nic }, { rx: [1], tx: [0], memory }).takeBack();
    nic.close();
    expect(() => lend({ nic }, { rx: [1], tx: [], memory })).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  test('is refused where no other thread can reach the device', async () => {
    const nic = await openIxgbe(new EmulatedPciDevice(), { allocateMemory: allocatePlainMemory });
    cleanups.push(() => nic.close());
    const memory = allocatePlainMemory(PAGE);
    const refusal = expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED' });
    expect(() => lend({ nic }, { rx: [0], tx: [], memory })).toThrow(refusal);
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
    expect(() => lend({ nic }, { rx: [1], tx: [], memory })).toThrow(
      expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }),
    );
    expect(() => lend({ nic }, { rx: [1], tx: [], memory: allocatePlainMemory(PAGE) })).not.toThrow();
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
