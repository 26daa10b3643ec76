/** Queues of a virtio-net device in other threads, on the emulated one, which judges. */
import { describe, expect, test } from 'vitest';
import type { ThreadedPciDevice } from '../../../src/emulation/index.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { BORROWER, expectWhole, lend, lendTo, MEMBERS, openLab, PAGE, Traffic, until } from '../../support/loan-lab.ts';

describe.each(['split', 'packed'] as const)('a borrowed queue with %s rings', (ring) => {
  const virtio = { ring };

  test('carries traffic both ways while this thread has another queue of the same NIC', async () => {
    const lab = await openLab({ model: 'virtio', virtio });
    const { borrower, loan } = await lendTo(lab, 1);
    const traffic = new Traffic(lab);
    await traffic.run(100);
    expect(traffic.disorder).toBe(0);
    expect(traffic.echoedBy(BORROWER)).toBeGreaterThan(100);
    expect(lab.nic.statistics()).toMatchObject({ rxPackets: 1600, txPackets: 1600, rxDropped: 0, txDropped: 0 });
    expect(lab.nic.counters()['rx[1].packets']).toBe(traffic.echoedBy(BORROWER));
    expect((await borrower.stop()).pending).toEqual([0]);
    loan.takeBack();
    expectWhole(lab, 1);
  });

  test('sleeps until a packet comes', async () => {
    const lab = await openLab({ model: 'virtio', virtio });
    const { borrower } = await lendTo(lab, 1, { sleeps: true });
    lab.nic.rss?.({ queues: [1] });
    const traffic = new Traffic(lab);
    for (let round = 0; round < 20; round++) {
      await until(() => borrower.sleeps > round, 'it does not go to sleep');
      await traffic.run(1);
    }
    expect(lab.device.inspect().violations).toEqual([]);
  });

  test('is taken from the dead, in the midst of traffic, and borrowed by others', { timeout: 60_000 }, async () => {
    const lab = await openLab({ model: 'virtio', virtio });
    const traffic = new Traffic(lab);
    for (let life = 0; life < 10; life++) {
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

describe('a borrower', () => {
  test('is told of a device that breaks the rules of its ring', async () => {
    const lab = await openLab({ model: 'virtio' });
    lab.nic.rss?.({ queues: [1] });
    const { borrower, loan } = await lendTo(lab, 1);
    const traffic = new Traffic(lab);
    await traffic.run(5);
    (lab.device as ThreadedPciDevice<'virtio'>).injectFault({ kind: 'used-id-out-of-range' });
    traffic.send();
    expect(await borrower.says()).toMatch(/^ERR_DEVICE_FAILED emulated:a: [rt]x\[1\]: the device /);
    await borrower.stop();
    loan.takeBack();
    expectWhole(lab, 1);
  });
});

describe('a loan', () => {
  test('outlives its port, whose borrowers wake up and find nothing', async () => {
    const lab = await openLab({ model: 'virtio' });
    const { borrower, loan } = await lendTo(lab, 1, { sleeps: true });
    await until(() => borrower.sleeps > 0, 'it does not go to sleep');
    lab.nic.close();
    expect((await borrower.ended()).name).toBe('emulated:a');
    loan.takeBack();
    lab.pool.recover(1);
    expect(lab.pool.held(1)).toBe(lab.pool.capacity / MEMBERS);
  });

  test('is taken back from a device that failed, and is stopped first', async () => {
    const lab = await openLab({ model: 'virtio' });
    const { borrower, loan } = await lendTo(lab, 1);
    const failed = new Promise((resolve) => lab.nic.once('failed', resolve));
    (lab.device as ThreadedPciDevice<'virtio'>).injectFault({ kind: 'needs-reset' });
    lab.nic.link();
    await failed;
    expect(await borrower.stop()).toMatchObject({ name: 'emulated:a' });
    loan.takeBack();
    expectWhole(lab, 1);
  });

  test('finds its queues at home no more', async () => {
    const { nic, pool, device } = await openLab({ model: 'virtio' });
    const before = pool.view(0).available;
    const loan = lend({ nic }, { rx: [1], tx: [1], memory: pool.memory });
    expect(pool.view(0).available).toBe(before + 256); // those in its ring
    const batch = new PacketBatch(4);
    batch.allocate(pool.view(0), 4);
    expect([nic.tx[1].transmit(batch), nic.tx[1].pending(), batch.length]).toEqual([0, 0, 4]);
    batch.free();
    expect([nic.rx[1].receive(batch), nic.rx[1].interrupt]).toEqual([0, undefined]);
    loan.takeBack();
    lend({ nic }, { rx: [1], tx: [1], memory: pool.memory }).takeBack();
    expect(device.inspect().violations).toEqual([]);
  });

  test('is refused by a device that gives no queue back', async () => {
    const { nic } = await openLab({ model: 'virtio', virtio: { without: ['RING_RESET'] } });
    expect(() => lend({ nic }, { rx: [1], tx: [], memory: allocatePlainMemory(PAGE) })).toThrow(
      expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED', message: expect.stringContaining('RING_RESET') }),
    );
    expect(nic.rx[1].interrupt).toBeDefined();
  });
});
