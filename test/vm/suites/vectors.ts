/** Interrupts by message, one for each receive queue and one for the link: told apart by whoever counts them, the kernel. */
import { expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { CaptureFileWriter } from '../../../src/packets/capture-file.ts';
import type { AccessPath } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { type Nic, nicAddress, nicMac } from '../harness/nics.ts';
import { lastPrinted, portProgram, runsAs } from '../harness/ports.ts';
import { framesOf } from '../harness/recording.ts';

const TIMEOUT = 110_000;
const RX_QUEUES = 2;
const TX_QUEUES = 4;
const FRAMES = 400;
const FRAME_BYTES = 200;
/** Slow enough for the loop to fall asleep between them. */
const FRAMES_PER_SECOND = 400;
/** For local experiments (IEEE 802). The first one is received by queue 0 as everything is, the other by queue 1. */
const ETHERTYPES = [0x88b5, 0x88b6];
const { ETQF, ETQS } = ixgbe;

interface Outcome {
  readonly received: readonly number[];
  readonly sent: readonly number[];
  /** By vector. */
  readonly interrupts: readonly number[];
}

/** Frames of both kinds in turn, whose payloads all differ. */
function writeFrames(file: string, destination: string): void {
  const writer = new CaptureFileWriter(file);
  const frame = Buffer.alloc(FRAME_BYTES);
  frame.set(Buffer.from(destination.replaceAll(':', ''), 'hex'));
  frame.set([2, 0, 0, 0, 0, 1], 6);
  for (let i = 0; i < FRAMES; i++) {
    frame.writeUInt16BE(ETHERTYPES[i % ETHERTYPES.length], 12);
    for (let at = 14; at < FRAME_BYTES; at++) frame[at] = i * 31 + at * (1 + (i >>> 8));
    writer.write(frame, 0, FRAME_BYTES, 0, 0);
  }
  writer.close();
}

const sorted = (file: string): string[] =>
  framesOf(file)
    .map((frame) => frame.toString('hex'))
    .sort();

/** `nic` is an 82599 that this process serves. */
export function testVectors(guest: () => Guest, path: AccessPath, nic: Nic): void {
  it(`${RX_QUEUES} receive queues and the link interrupt by a vector each, ${TX_QUEUES} queues transmit`, async () => {
    const file = guest().host.file('vectors.pcap').here;
    writeFrames(file, nicMac(nic));
    // Without a timer that looks at the link. What comes in leaves by the next queue each time.
    const running = guest().startScript(
      portProgram(
        path,
        `import { readFileSync } from 'node:fs';
        const port = await openPort('${nicAddress(nic)}', {
          rxQueues: ${RX_QUEUES}, txQueues: ${TX_QUEUES}, linkPollInterval: 0,
        });
        const batch = new PacketBatch(64);
        const received = port.rx.map(() => 0);
        const sent = port.tx.map(() => 0);
        let bursts = 0;
        port.on('link', ({ up }) => print({ up }));
        await poll(() => {
          let moved = 0;
          for (const [index, queue] of port.rx.entries()) {
            queue.receive(batch);
            moved += batch.length;
            received[index] += batch.length;
            if (batch.length === 0) continue;
            const next = bursts++ % ${TX_QUEUES};
            while (batch.length > 0) sent[next] += port.tx[next].transmit(batch);
          }
          return moved === 0 && received[0] + received[1] === ${FRAMES} ? DONE : moved;
        }, { interrupts: port.rx.map((queue) => queue.interrupt) });
        await poll(() => port.tx.some((queue) => queue.pending() > 0) ? 0 : DONE);
        const lines = readFileSync('/proc/interrupts', 'utf8').split('\\n');
        const interrupts = lines.filter((line) => line.includes('vfio') && line.includes('${nicAddress(nic)}'))
          .map((line) => line.trim().split(/\\s+/).slice(1, 3).reduce((sum, count) => sum + Number(count), 0));
        print({ received, sent, interrupts });
        port.close();`,
      ),
      { ...runsAs(path), timeout: TIMEOUT },
    );
    await running.printed('{"up":true}');
    const { model } = guest().served.get(nic).device;
    model.write(0, ETQS.at(0), 4, ETQS.bits.QUEUE_ENABLE.mask | (1 << ETQS.bits.RX_QUEUE.shift));
    model.write(0, ETQF.at(0), 4, ETQF.bits.FILTER_ENABLE.mask | ETHERTYPES[1]);
    const cable = guest().cable(nic);
    await cable.plug(false);
    await running.printed('{"up":false}');
    await cable.plug(true);
    await running.printed('{"up":true}\n{"up":false}\n{"up":true}');
    const recording = await cable.record({ from: 'guest', count: FRAMES, timeout: TIMEOUT });
    await cable.send(file, { framesPerSecond: FRAMES_PER_SECOND });
    expect(sorted(await recording.ended())).toEqual(sorted(file));

    const { status, stdout, stderr } = await running.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { received, sent, interrupts } = lastPrinted(stdout) as Outcome;
    expect(received).toEqual([FRAMES / 2, FRAMES / 2]);
    expect(sent.reduce((sum, count) => sum + count)).toBe(FRAMES);
    expect(Math.min(...sent)).toBeGreaterThan(0);
    expect(interrupts).toHaveLength(RX_QUEUES + 1);
    for (const count of interrupts.slice(0, RX_QUEUES)) {
      expect(count).toBeGreaterThan(FRAMES / 20);
      expect(count).toBeLessThanOrEqual(FRAMES);
    }
    expect(interrupts[RX_QUEUES]).toBeGreaterThanOrEqual(2);
  });
}
