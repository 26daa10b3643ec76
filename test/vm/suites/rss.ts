/** QEMU hashes and steers as the driver tells it, and as `rssHash` and `rssQueueOf` predict. */
import { expect, it } from 'vitest';
import type { AccessPath } from '../harness/binding.ts';
import { built, type Guest } from '../harness/guest.ts';
import { type Nic, nicAddress } from '../harness/nics.ts';
import { lastPrinted, portProgram, runsAs } from '../harness/ports.ts';
import { holdFrames, numberedPackets } from '../harness/traffic.ts';

const TIMEOUT = 110_000;
/** What a round takes at most, so that one that lacks frames shows which. */
const ROUND_MILLISECONDS = 40_000;
const QUEUES = 4;
const FLOWS = 1000;
/** Frames per second. QEMU forgets a frame for a queue whose ring is full, as those are of an emulated processor with others beside it. */
const PACE = 500;

interface Round {
  readonly received: readonly number[];
  readonly wrongQueues: number;
  readonly wrongHashes: number;
  readonly hashes: number;
}

export function testRss(guest: () => Guest, path: AccessPath, nic: Nic): void {
  it('flows arrive on the queues that software predicts, with their hashes, before and after a change', async () => {
    await holdFrames(guest(), [nic], FLOWS);
    const packets = await numberedPackets(guest(), FLOWS, `--src-port 1000-${999 + FLOWS}`);
    const running = guest().startScript(
      portProgram(
        path,
        `const { rssHash, rssQueueOf } = await import(${built('index.js')});
        const port = await openPort('${nicAddress(nic)}', { rxQueues: ${QUEUES}, txQueues: ${QUEUES}, rss: { hash: true } });
        const batch = new PacketBatch(64);
        const round = async () => {
          const received = port.rx.map(() => 0);
          let wrongQueues = 0, wrongHashes = 0;
          const hashes = new Set();
          const end = performance.now() + ${ROUND_MILLISECONDS};
          await poll(() => {
            let moved = 0;
            for (const [index, queue] of port.rx.entries()) {
              queue.receive(batch);
              moved += batch.length;
              received[index] += batch.length;
              for (let i = 0; i < batch.length; i++) {
                const { pool } = batch;
                const frame = [pool.bytes, batch.offset(i), batch.bytesIn(i), port.rss()];
                const hash = pool.rssHash[batch.packets[i]];
                hashes.add(hash);
                if (rssQueueOf(...frame) !== index) wrongQueues++;
                if (rssHash(...frame) !== hash) wrongHashes++;
              }
              batch.free();
            }
            const all = received.reduce((sum, count) => sum + count) >= ${FLOWS};
            return moved === 0 && (all || performance.now() > end) ? DONE : moved;
          });
          return { received, wrongQueues, wrongHashes, hashes: hashes.size };
        };
        console.log('ready');
        const first = await round();
        port.rss({ key: 'symmetric', fields: ['ipv4', 'udp4'], queues: [1, 3] });
        console.log('changed');
        print([first, await round()]);
        port.close();`,
      ),
      { ...runsAs(path), timeout: TIMEOUT },
    );
    await running.printed('ready');
    await guest().cable(nic).send(packets, { framesPerSecond: PACE });
    await running.printed('changed');
    await guest().cable(nic).send(packets, { framesPerSecond: PACE });
    const [first, second] = lastPrinted((await running.ended).stdout) as [Round, Round];
    for (const round of [first, second]) expect(round).toMatchObject({ wrongQueues: 0, wrongHashes: 0, hashes: FLOWS });
    expect(Math.min(...first.received)).toBeGreaterThan(FLOWS / QUEUES / 2);
    expect(second.received.map((count) => count > FLOWS / 4)).toEqual([false, true, false, true]);
    expect(second.received[1] + second.received[3]).toBe(FLOWS);
  });
}
