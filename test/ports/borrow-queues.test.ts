import { describe, expect, it, onTestFinished } from 'vitest';
import type { LentQueues, QueueLoan } from '../../src/drivers/lending/loan.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { borrowQueues, open } from '../../src/ports/index.ts';

const PAGE = 2 ** 21;
const unsupported = expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED' });

/** Queue 0 of a port, lent for packets in `memory`. */
async function lendPort(uri: string, memory = allocatePlainMemory(PAGE)): Promise<QueueLoan> {
  const nic = await open(uri);
  onTestFinished(() => nic.close());
  if (!nic.lend) throw new Error(`${uri} lends no queues`);
  return nic.lend({ rx: [0], tx: [0], memory });
}

describe('queues of a port', () => {
  it.each(['emulated:ixgbe?wire=loopback', 'emulated:virtio?wire=loopback'])(
    '%s are borrowed and used',
    async (uri) => {
      const memory = allocatePlainMemory(PAGE);
      const { data, takeBack } = await lendPort(uri, memory);
      const pool = new PacketPool(memory);
      const queues = borrowQueues(structuredClone(data), pool);
      const batch = new PacketBatch(8);
      batch.allocate(pool, 8);
      for (let i = 0; i < batch.length; i++) {
        pool.length[batch.packets[i]] = 60;
        pool.bytes.fill(0xff, batch.offset(i), batch.offset(i) + 60);
      }
      for (let received = 0; received < 8; ) {
        queues.tx[0].transmit(batch); // until the link is up they stay
        const back = new PacketBatch(8);
        received += queues.rx[0].receive(back);
        back.free();
        await new Promise((resolve) => setImmediate(resolve));
      }
      queues.close();
      takeBack();
    },
  );

  it('are borrowed by those who know their driver, and the kind of their device', async () => {
    const { data } = await lendPort('emulated:ixgbe');
    const pool = new PacketPool(allocatePlainMemory(PAGE));
    const wrong = (change: Partial<LentQueues>) => () => borrowQueues({ ...data, ...change }, pool);
    expect(wrong({ driver: 'tap' })).toThrow(unsupported);
    expect(wrong({ device: { ...data.device, kind: 'imaginary' } })).toThrow(unsupported);
  });

  it('are borrowed with packets in the memory that they were lent for', async () => {
    const { data } = await lendPort('emulated:ixgbe');
    const pool = new PacketPool(allocatePlainMemory(2 * PAGE));
    expect(() => borrowQueues(data, pool)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it('are not lent where the NIC lives in the calls of its owner', async () => {
    await expect(lendPort('emulated:ixgbe?thread=0')).rejects.toThrow(unsupported);
  });
});
