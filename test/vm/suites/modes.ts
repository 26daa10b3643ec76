/** Loops that sleep until an interrupt, and devices with several pairs of queues. */
import { expect, it } from 'vitest';
import { CaptureFileWriter } from '../../../src/packets/capture-file.ts';
import type { AccessPath } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { nicAddress } from '../harness/nics.ts';
import { lastPrinted, type Pair, portProgram, runsAs } from '../harness/ports.ts';
import { checkSequence, framesOf } from '../harness/recording.ts';
import { holdFrames, numberedPackets } from '../harness/traffic.ts';

const TIMEOUT = 110_000;
const SINGLE_PACKETS = 1000;
/** Most microseconds between two of them: they come while the loop polls, while it falls asleep, and while it sleeps. */
const LONGEST_GAP = 4000;
/** Rounds of a loop in a second without packets. One that polls takes hundreds of times as many. */
const IDLE_ROUNDS = 100;

/** The same packets, with gaps of any length between them; seeded. */
function withGaps(frames: readonly Buffer[], file: string): void {
  const writer = new CaptureFileWriter(file);
  let state = 4711;
  let microseconds = 0;
  for (const frame of frames) {
    state = Math.imul(state, 0x0019_660d) + 0x3c6e_f35f;
    microseconds += Math.floor(((state >>> 8) / 2 ** 24) * LONGEST_GAP);
    writer.write(frame, 0, frame.length, Math.floor(microseconds / 1e6), (microseconds % 1e6) * 1000);
  }
  writer.close();
}

/** This way has interrupts. */
export function testAdaptive(guest: () => Guest, path: AccessPath, pair: Pair): void {
  it('an idle forwarder sleeps, wakes up for a packet, and never leaves one lying', async () => {
    const { host } = guest();
    const [a, b] = pair;
    const paced = host.file('paced.pcap').here;
    withGaps(framesOf(await numberedPackets(guest(), SINGLE_PACKETS)), paced);
    const running = guest().startScript(
      portProgram(
        path,
        `const ports = [await openPort('${nicAddress(a)}'), await openPort('${nicAddress(b)}')];
        const forwarder = new Forwarder(...ports, { pollMode: 'adaptive' });
        let rounds = 0;
        const ended = () => forwarder.directions[0].forwarded === ${SINGLE_PACKETS};
        const loop = poll(() => { rounds++; return forwarder.step(); }, {
          mode: 'adaptive', interrupts: ports.map((port) => port.rx[0].interrupt), until: ended,
        });
        const alive = setInterval(() => {}, 1000);
        await new Promise((resolve) => setTimeout(resolve, 500)); // until all is compiled, and asleep
        rounds = 0;
        await new Promise((resolve) => setTimeout(resolve, 1000));
        print(rounds);
        await loop;
        clearInterval(alive);
        print(forwarder.directions.map(({ received, forwarded, dropped }) => ({ received, forwarded, dropped })));
        for (const port of ports) port.close();`,
      ),
      { ...runsAs(path), timeout: TIMEOUT },
    );
    expect(Number(await running.printed('\n'))).toBeLessThan(IDLE_ROUNDS);
    const recording = await guest().cable(b).record({ from: 'guest', count: SINGLE_PACKETS, timeout: TIMEOUT });
    await guest().cable(a).send(paced, { timing: 'original' });
    expect(checkSequence(await recording.ended())).toMatchObject({ unique: SINGLE_PACKETS, lost: 0, reordered: 0 });
    expect(lastPrinted((await running.ended).stdout)).toEqual([
      { received: SINGLE_PACKETS, forwarded: SINGLE_PACKETS, dropped: 0 },
      { received: 0, forwarded: 0, dropped: 0 },
    ]);
  });
}

const PAIRS = 4;
const FLOWS = 2000;

export function testMultiqueue(guest: () => Guest, path: AccessPath, [nic]: Pair): void {
  const interrupts = path.interrupts !== undefined;

  it(`${PAIRS} pairs of queues: flows spread over all of them, and all transmit`, async () => {
    await holdFrames(guest(), [nic], FLOWS);
    const recording = await guest().cable(nic).record({ from: 'guest', count: FLOWS, timeout: TIMEOUT });
    const packets = await numberedPackets(guest(), FLOWS, `--src-port 1000-${999 + FLOWS}`);
    // What came in by a queue leaves by the next one.
    const running = guest().startScript(
      portProgram(
        path,
        `const port = await openPort('${nicAddress(nic)}', { rxQueues: ${PAIRS}, txQueues: ${PAIRS} });
        const batch = new PacketBatch(64);
        const received = port.rx.map(() => 0);
        console.log('ready');
        await poll(() => {
          let moved = 0;
          for (const [index, queue] of port.rx.entries()) {
            queue.receive(batch);
            received[index] += batch.length;
            moved += batch.length;
            while (batch.length > 0) port.tx[(index + 1) % ${PAIRS}].transmit(batch);
          }
          return moved === 0 && received.reduce((sum, count) => sum + count) === ${FLOWS} ? DONE : moved;
        }, ${interrupts ? '{ interrupts: port.rx.map((queue) => queue.interrupt) }' : '{}'});
        await poll(() => port.tx.some((queue) => queue.pending() > 0) ? 0 : DONE);
        print({ received, sent: port.tx.map((queue) => queue.packets) });
        port.close();`,
      ),
      { ...runsAs(path), timeout: TIMEOUT },
    );
    await running.printed('ready');
    await guest().cable(nic).send(packets, { framesPerSecond: 4000 });
    const { received, sent } = lastPrinted((await running.ended).stdout) as Record<'received' | 'sent', number[]>;
    expect(Math.min(...received)).toBeGreaterThan(FLOWS / PAIRS / 2);
    expect(sent).toEqual([received[PAIRS - 1], ...received.slice(0, -1)]);
    const file = await recording.ended();
    expect(checkSequence(file)).toMatchObject({ unique: FLOWS, lost: 0, duplicated: 0, corrupted: 0 });
    expect(await guest().cable(nic).dropped()).toBe(0);
  });
}
