import { existsSync, statSync, truncateSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { open } from '../../src/ports/index.ts';
import { numberedFrame } from '../emulation/wires/frames.ts';
import { available } from '../support/features.ts';
import { framesOf, openPort, readCapture, temporaryFile, writeCapture } from './port-support.ts';

/** Moves packets from one port to the other until `done`, at most `rounds` bursts. */
function forward(from: NetDevice, to: NetDevice, done: () => boolean, rounds = 100_000): void {
  const batch = new PacketBatch(32);
  for (let round = 0; round < rounds && !done(); round++) {
    from.rx[0].receive(batch);
    to.tx[0].transmit(batch);
  }
  batch.free();
  if (!done()) throw new Error(`not done after ${rounds} bursts: ${JSON.stringify(from.counters())}`);
}

const count = (port: NetDevice, name: string) => port.counters()[`wire.${name}`];

describe('emulated ports, stepped', () => {
  it('forward what a generator sends back to it, and break no rule', async () => {
    const port = await openPort('emulated:ixgbe?wire=generator&count=5000&thread=0&strict=1');
    await port.waitForLink();
    expect(port.ended).toBe(false);
    forward(port, port, () => count(port, 'check.unique') === 5000);
    expect(port.counters()).toMatchObject({
      violations: 0,
      'wire.check.lost': 0,
      'wire.check.reordered': 0,
      'wire.check.corrupted': 0,
    });
    expect(port.ended).toBe(true);
    expect(port.statistics()).toMatchObject({ rxPackets: 5000, rxBytes: 300_000, txPackets: 5000, rxDropped: 0 });
  });

  it('talk over a cable', async () => {
    const left = await openPort('emulated:ixgbe?wire=cable:test&thread=0&mac=02:00:00:00:00:01');
    await expect(left.waitForLink(100)).rejects.toThrow('the link is still down');
    const right = await openPort('emulated:ixgbe?wire=cable:test&thread=0&mac=02:00:00:00:00:02');
    expect((await left.waitForLink()).up).toBe(true);
    expect((await right.waitForLink()).up).toBe(true);
    const batch = new PacketBatch(8);
    batch.allocate(left.rx[0].pool, 1);
    const frame = Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, ...numberedFrame(1, 100));
    left.rx[0].pool.bytes.set(frame, batch.offset(0));
    left.rx[0].pool.length[batch.packets[0]] = frame.length;
    expect(left.tx[0].transmit(batch)).toBe(1);
    expect(right.rx[0].receive(batch)).toBe(1);
    expect(framesOf(batch)).toEqual([frame]);
    batch.free();
    await expect(open('emulated:ixgbe?wire=cable:test&thread=0')).rejects.toThrow('both ends of cable test');
    right.close();
    expect(left.link().up).toBe(false);
  });

  it('carry a capture from file to file through two NICs, without a copy between them', async () => {
    const frames = Array.from({ length: 300 }, (_, i) => numberedFrame(i, 60 + i));
    const input = temporaryFile('in.pcap');
    const output = temporaryFile('out.pcap');
    writeCapture(input, frames);
    const from = await openPort(`emulated:ixgbe?wire=pcap:${input}&thread=0`, { promiscuous: true });
    const to = await openPort(`emulated:ixgbe?wire=pcap:,${output}&thread=0`);
    await Promise.all([from.waitForLink(), to.waitForLink()]);
    forward(from, to, () => count(to, 'sent.frames') === 300);
    to.close();
    expect(readCapture(output)).toEqual(frames);
    expect(from.ended).toBe(true);
  });

  it('feed ports without a NIC, and are fed by them', async () => {
    const input = temporaryFile('in.pcap');
    writeCapture(input, [numberedFrame(0), numberedFrame(1, 1000)]);
    const file = await openPort(`pcap:${input}`);
    const output = temporaryFile('out.pcap');
    const copy = await openPort(`pcap:${output}?mode=write`);
    const nic = await openPort('emulated:ixgbe?wire=loopback&thread=0', { promiscuous: true });
    await nic.waitForLink();
    forward(file, nic, () => count(nic, 'sent.frames') === 2);
    forward(nic, copy, () => copy.statistics().txPackets === 2);
    copy.close();
    expect(readCapture(output)).toEqual([numberedFrame(0), numberedFrame(1, 1000)]);
  });

  it('lose what a bad wire loses, and account for it', async () => {
    const port = await openPort('emulated:ixgbe?wire=generator&count=5000&loss=10%25&direction=sent&seed=7&thread=0');
    await port.waitForLink();
    const arrived = () => count(port, 'sent.frames') + count(port, 'sent.lost');
    forward(port, port, () => arrived() === 5000);
    expect(count(port, 'sent.lost')).toBeGreaterThan(400);
    expect(count(port, 'sent.lost')).toBeLessThan(600);
    expect(count(port, 'check.unique')).toBe(5000 - count(port, 'sent.lost'));
    expect(port.statistics()).toMatchObject({ rxPackets: 5000, txPackets: 5000 });
  });

  it('have addresses of their own, unless they are given one', async () => {
    const ports = await Promise.all([1, 2, 3].map(() => openPort('emulated:ixgbe?thread=0')));
    expect(new Set(ports.map(({ mac }) => mac)).size).toBe(3);
    const port = await openPort('emulated:ixgbe?mac=02:AB:00:00:00:01&device=154d&thread=0');
    expect(port.mac).toBe('02:ab:00:00:00:01');
    expect(port.description).toContain('X520-2 SF2');
    expect([port.name, port.driver]).toEqual(['emulated:ixgbe?mac=02:AB:00:00:00:01&device=154d&thread=0', 'ixgbe']);
  });
});

describe('emulated ports', () => {
  it.each([
    ['emulated:ixgb', "unknown NIC 'ixgb'; known: ixgbe, virtio; did you mean 'ixgbe'?"],
    [
      'emulated:ixgbe?wire=tpa:x',
      "parameter 'wire' must be a kind of wire, known: null, loopback, generator, tap, pcap, cable; did you mean 'tap'?, found 'tpa:x'",
    ],
    ['emulated:ixgbe?wire=tap:', "must go on after 'tap:' with a name"],
    ['emulated:ixgbe?wire=null:x', "must be just 'null'"],
    ['emulated:ixgbe?wire=pcap:a,b,c', 'must name at most two files'],
    ['emulated:ixgbe?size=64', "parameter 'size' goes with wire=generator"],
    ['emulated:ixgbe?wire=generator&start=later', "parameter 'start' must be one of now, frame, found 'later'"],
    ['emulated:ixgbe?duration=1s', "parameter 'duration' goes with wire=generator"],
    ['emulated:ixgbe?wire=generator&duration=3', "parameter 'duration' must be a duration with its unit"],
    ['emulated:ixgbe?wire=generator&loops=2', "parameter 'loops' goes with wire=pcap:…"],
    ['emulated:ixgbe?mac=03:00:00:00:00:01', "must be one station's address"],
    ['emulated:ixgbe?device=1528', "parameter 'device' must be one of 10f7"],
    ['emulated:ixgbe?sfp=lr', "parameter 'sfp' must be one of da, sr, none, found 'lr'"],
    ['emulated:ixgbe?los=1', "unknown parameter 'los'; known: wire, rate,"],
    ['emulated:ixgbe?loss=2', "parameter 'loss' must be a probability"],
  ])('say what is wrong with %s', async (uri, message) => {
    const error = await open(uri).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_PORT_URI' });
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain('\n');
  });

  it('say so when a file is missing', async () => {
    await expect(open('emulated:ixgbe?wire=pcap:/none.pcap')).rejects.toThrow(/cannot open \/none.pcap/);
  });
});

const worker = new URL('../../dist/emulation/thread/worker.js', import.meta.url);
const built = available(
  'emulated ports on threads',
  existsSync(worker) ? undefined : 'dist/ is missing; run: npm run build',
);

describe.runIf(built)('emulated ports on threads', () => {
  it.each(['ixgbe?', 'virtio?', 'virtio?ring=split&', 'virtio?kind=legacy&'])(
    'forward what a generator sends back to it, and lose nothing: %s',
    async (nic) => {
      const port = await openPort(`emulated:${nic}wire=generator&count=20000&strict=1`);
      await port.waitForLink();
      await forwardUntil(port, port, () => count(port, 'check.unique') === 20_000);
      expect(port.counters()).toMatchObject({ violations: 0, 'wire.check.lost': 0, 'wire.check.reordered': 0 });
      expect(port.ended).toBe(true);
      expect(port.statistics()).toMatchObject({ rxPackets: 20_000, txPackets: 20_000, rxDropped: 0 });
    },
  );

  it('drop and count what comes too fast without flow control', async () => {
    const port = await openPort('emulated:ixgbe?wire=generator&count=20000&flow=0');
    await port.waitForLink();
    const passed = () => count(port, 'sent.frames') + port.statistics().rxDropped;
    await forwardUntil(port, port, () => passed() === 20_000);
    expect(port.statistics().rxDropped).toBeGreaterThan(0);
    expect(count(port, 'check.unique')).toBe(count(port, 'sent.frames'));
  });

  it('say what ended their thread, after everything before that has arrived', async () => {
    const input = temporaryFile('cut.pcap');
    // More frames than the ring holds: the thread cannot get to the damage before the driver is there.
    const frames = Array.from({ length: 1000 }, (_, i) => numberedFrame(i));
    writeCapture(input, frames);
    truncateSync(input, statSync(input).size - 10);
    const port = await openPort(`emulated:ixgbe?wire=pcap:${input}`, { promiscuous: true });
    let removed: unknown;
    port.on('removed', (error) => {
      removed = error;
    });
    const batch = new PacketBatch(64);
    let received = 0;
    for (const end = performance.now() + 10_000; !removed && performance.now() < end; await setImmediate()) {
      received += port.rx[0].receive(batch);
      batch.free();
    }
    for (; port.rx[0].receive(batch) > 0; batch.free()) received += batch.length;
    expect(received).toBe(999);
    expect(removed).toMatchObject({ code: 'ERR_DEVICE_GONE' });
    expect(String(removed)).toMatch(/cut.pcap: byte \d+: the file ends inside the record/);
  });

  it('talk over a cable on a thread that they share', async () => {
    const left = await openPort('emulated:ixgbe?wire=cable:threads', { promiscuous: true });
    const right = await openPort('emulated:ixgbe?wire=cable:threads', { promiscuous: true });
    expect((await left.waitForLink()).up).toBe(true);
    expect((await right.waitForLink()).up).toBe(true);
    const frames = [numberedFrame(1), numberedFrame(2, 1500)];
    const input = temporaryFile('in.pcap');
    writeCapture(input, frames);
    await forwardUntil(await openPort(`pcap:${input}`), left, () => left.statistics().txPackets === 2);
    const batch = new PacketBatch(8);
    for (const end = performance.now() + 10_000; batch.length < 2 && performance.now() < end; )
      right.rx[0].receive(batch);
    expect(framesOf(batch)).toEqual(frames);
    batch.free();
  });
});

/** `forward`, in slices between which timers run, for at most ten seconds. */
async function forwardUntil(from: NetDevice, to: NetDevice, done: () => boolean): Promise<void> {
  const batch = new PacketBatch(32);
  for (const end = performance.now() + 10_000; !done() && performance.now() < end; await setImmediate()) {
    for (let burst = 0; burst < 1000; burst++) {
      from.rx[0].receive(batch);
      to.tx[0].transmit(batch);
    }
  }
  batch.free();
  expect(done()).toBe(true);
}

describe('counters of a closed port', () => {
  it.each(['ixgbe', 'virtio'])('are what they were then: %s, by thread and without', async (nic) => {
    for (const thread of [0, 1]) {
      const port = await openPort(`emulated:${nic}?wire=loopback&strict=1&thread=${thread}`);
      await port.waitForLink();
      const before = port.counters();
      port.close();
      expect(port.counters()).toEqual(before);
      expect(before).toHaveProperty('violations', 0);
    }
  });
});
