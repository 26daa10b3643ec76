/** How fast the virtio driver is on an emulated processor. A measurement: nothing here fails for being slow. */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessPath } from '../harness/binding.ts';
import type { Guest } from '../harness/guest.ts';
import { nicAddress } from '../harness/nics.ts';
import { lastPrinted, type Pair, portProgram, runsAs } from '../harness/ports.ts';
import { holdFrames, numberedPackets } from '../harness/traffic.ts';

/**
 * They wait in the first NIC's interface when the measurement begins, so that nobody need send meanwhile. QEMU forgets what
 * it has taken from there already when the driver resets the device: one, as a rule.
 */
const FRAMES = 400_000;
const GENERATE_MILLISECONDS = 3000;
const WINDOW_MILLISECONDS = 250;
/** What the forwarder of the original ixy, in C, does in such a guest on a machine of two cores; and its generator. */
const ORIGINAL = { forwards: 87, generates: 300 };

interface Speed {
  readonly forwards: number;
  readonly generates: number;
}

/** The best quarter of a second of each, in thousands of packets a second: what is slower was still being compiled. */
function measure(path: AccessPath, [a, b]: Pair): string {
  return portProgram(
    path,
    `const [a, b] = [await openPort('${nicAddress(a)}'), await openPort('${nicAddress(b)}')];
    const best = async (port, step, ended) => {
      let kpps = 0;
      let [time, packets] = [performance.now(), port.statistics().txPackets];
      const until = () => {
        const now = performance.now();
        if (now - time < ${WINDOW_MILLISECONDS}) return false;
        const sent = port.statistics().txPackets;
        kpps = Math.max(kpps, (sent - packets) / (now - time));
        const idle = sent === packets;
        [time, packets] = [now, sent];
        return ended(now, idle);
      };
      await poll(step, { until });
      return Math.round(kpps);
    };
    const forwarder = new Forwarder(a, b);
    const [way] = forwarder.directions;
    const forwards = await best(b, () => forwarder.step(), (_, idle) => idle && way.received > ${FRAMES / 2});
    const template = new PacketTemplate({
      size: 60, ethernet: { source: a.mac, destination: b.mac },
      ipv4: { source: '198.18.0.1', destination: '198.18.0.2' }, udp: { sourcePort: 1, destinationPort: 2 },
    });
    const generator = new Generator(a, { template });
    const end = performance.now() + ${GENERATE_MILLISECONDS};
    const generates = await best(a, () => generator.step(), (now) => now > end);
    print({ forwards, generates });
    generator.close();
    a.close();
    b.close();`,
  );
}

/** The emulator goes ahead of the machine's other work, which it would share two processors with. */
function setNice(guest: Guest, nice: number): void {
  for (const thread of readdirSync(`/proc/${guest.pid}/task`)) setPriority(Number(thread), nice);
}

export function testSpeed(guest: () => Guest, path: AccessPath, pairs: Readonly<Record<string, Pair>>): void {
  describe('speed', () => {
    const speeds: Record<string, Speed> = {};
    beforeAll(() => setNice(guest(), -20));
    afterAll(() => {
      setNice(guest(), 0);
      const rows = Object.entries(speeds).map(
        ([name, { forwards, generates }]) =>
          `${name.padEnd(16)}${String(forwards).padStart(10)}${String(generates).padStart(11)}`,
      );
      const title = `kpps, ${path.name}`.padEnd(16);
      const original = `ixy in C, legacy${String(ORIGINAL.forwards).padStart(10)}${`≤ ${ORIGINAL.generates}`.padStart(11)}`;
      console.log([`${title}  forwards  generates`, ...rows, original].join('\n'));
    });

    it.each(Object.entries(pairs))('%s', async (name, pair) => {
      await holdFrames(guest(), [pair[0]], FRAMES);
      await guest()
        .cable(pair[0])
        .send(await numberedPackets(guest(), FRAMES));
      const program = guest().startScript(measure(path, pair), { ...runsAs(path), timeout: 110_000 });
      const { status, stdout, stderr } = await program.ended;
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const speed = lastPrinted(stdout) as Speed;
      expect(speed.forwards).toBeGreaterThan(0);
      expect(speed.generates).toBeGreaterThan(0);
      speeds[name] = speed;
    });
  });
}
