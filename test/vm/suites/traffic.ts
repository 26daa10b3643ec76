/** Traffic through the virtio driver: what was sent arrives, all of it, unchanged, once, and in its order. */
import { describe, expect, it } from 'vitest';
import { haveTools, tshark } from '../../support/tools.ts';
import type { AccessPath } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { nicAddress, nicMac } from '../harness/nics.ts';
import { lastPrinted, type Pair, portProgram, runsAs } from '../harness/ports.ts';
import { checkSequence } from '../harness/recording.ts';
import { digestOf, holdFrames, numberedPackets } from '../harness/traffic.ts';

const IXY = 'exec node dist/cli/main.js';
const PACKETS = 20_000;
/** What tshark judges: a look at each packet takes it as long as the guest takes to send ten. */
const JUDGED = 2000;
/** Below what an emulated processor forwards on a machine that has other work too. */
const PACE = { framesPerSecond: 20_000 };
const TIMEOUT = 110_000;
const haveTshark = haveTools('tshark');

const whole = (count: number) => ({
  received: count,
  unique: count,
  lost: 0,
  reordered: 0,
  duplicated: 0,
  corrupted: 0,
});

/** Forwards what a pair receives until it was `count` packets, over both ways. */
const forwarder = (path: AccessPath, [a, b]: Pair, count: number) =>
  portProgram(
    path,
    `const ports = [await openPort('${nicAddress(a)}'), await openPort('${nicAddress(b)}')];
    console.log('ready');
    const directions = await forward(...ports, { whenFull: 'wait', count: ${count} });
    print({
      directions: directions.map(({ received, forwarded, dropped }) => ({ received, forwarded, dropped })),
      drops: ports.map((port) => port.statistics()).map(({ rxDropped, txDropped }) => rxDropped + txDropped),
    });
    for (const port of ports) port.close();`,
  );

/** `count`: packets to forward each way. */
export function testTraffic(guest: () => Guest, path: AccessPath, pair: Pair, count: number): void {
  const [nic] = pair;
  const options = { ...runsAs(path), timeout: TIMEOUT };

  describe('traffic', () => {
    it('ixy pktgen: every packet reaches the cable', async () => {
      const recording = await guest().cable(nic).record({ from: 'guest', count: PACKETS, timeout: TIMEOUT });
      await guest().output(`${IXY} pktgen ${nicAddress(nic)}${suffix(path)} --count ${PACKETS} --size 100`, options);
      const file = await recording.ended();
      expect(checkSequence(file)).toMatchObject(whole(PACKETS));
      if (!haveTshark) return;
      const fields = ['eth.src', 'frame.len', 'ip.checksum.status', 'udp.checksum.status', '_ws.malformed'];
      const rows = tshark(file, fields, '-c', String(JUDGED)).map((row) => row.join());
      expect(rows).toEqual(Array(JUDGED).fill(`${nicMac(nic)},100,1,1,`));
    });

    it('ixy capture: every packet from the cable is recorded', async () => {
      const { host } = guest();
      await holdFrames(guest(), pair, PACKETS);
      const file = host.file(`captured-${nic.slot}.pcap`);
      await host.output(`touch ${file.here} && chmod a+w ${file.here}`);
      const arguments_ = `${nicAddress(nic)}${suffix(path)} --write ${file.inGuest} --count ${PACKETS} --json`;
      const capture = guest().start(`${IXY} capture ${arguments_}`, options);
      await capture.printed('rates');
      const packets = await numberedPackets(guest(), PACKETS);
      await guest().cable(nic).send(packets, PACE);
      expect(await capture.ended).toMatchObject({ status: 0, stderr: warnings(path) });
      expect(checkSequence(file.here)).toMatchObject(whole(PACKETS));
      expect(digestOf(file.here)).toBe(digestOf(packets));
    });

    testForwarding(guest, path, pair, count);
  });
}

/** `count`: packets each way. */
export function testForwarding(guest: () => Guest, path: AccessPath, pair: Pair, count: number): void {
  const options = { ...runsAs(path), timeout: TIMEOUT };

  it(`forwards ${count} packets each way`, { timeout: 2 * TIMEOUT }, async () => {
    await holdFrames(guest(), pair, count);
    const packets = await numberedPackets(guest(), count);
    const running = guest().startScript(forwarder(path, pair, 2 * count), options);
    await running.printed('ready');
    const recordings = await Promise.all(
      pair.map((end) => guest().cable(end).record({ from: 'guest', count, timeout: TIMEOUT })),
    );
    await Promise.all(pair.map((end) => guest().cable(end).send(packets, PACE)));
    const { status, stdout, stderr } = await running.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: warnings(path) });
    expect(lastPrinted(stdout)).toEqual({
      directions: Array(2).fill({ received: count, forwarded: count, dropped: 0 }),
      drops: [0, 0],
    });
    for (const recording of recordings) {
      const file = await recording.ended();
      expect(checkSequence(file)).toMatchObject(whole(count));
      expect(digestOf(file)).toBe(digestOf(packets));
    }
    expect(await Promise.all(pair.map((end) => guest().cable(end).dropped()))).toEqual([0, 0]);
  });
}

/** What a port's URI needs behind its address. */
export function suffix(path: AccessPath): string {
  return path.machine.noIommuMode ? '?noiommu=1' : '';
}

/** What a program says on standard error that has nothing to complain of. */
function warnings(path: AccessPath): unknown {
  return path.machine.noIommuMode ? expect.stringMatching(/^\(node:\d+\) .*without an IOMMU/) : '';
}
