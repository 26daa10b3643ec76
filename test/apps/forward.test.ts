import { describe, expect, it } from 'vitest';
import { Forwarder, forward } from '../../src/apps/index.ts';
import type { PacketBatch } from '../../src/memory/packet-batch.ts';
import { open } from '../../src/ports/index.ts';
import { numberedFrame } from '../emulation/wires/frames.ts';
import { missing, type SoftPort, softPort } from './soft-port.ts';

function offer({ wire }: SoftPort, first: number, count: number, length = 60): Uint8Array[] {
  const frames = Array.from({ length: count }, (_, i) => numberedFrame(first + i, length));
  for (const frame of frames) expect(wire.send(frame)).toBe(true);
  return frames;
}

describe('forward', () => {
  it('carries packets both ways, unchanged and in order, and ends with the traffic', async () => {
    const a = softPort('a');
    const b = softPort('b');
    const there = [...offer(a, 0, 200), ...offer(a, 200, 3, 5000)];
    const back = offer(b, 1000, 100, 1514);
    a.end();
    b.end();
    expect(await forward(a.port, b.port)).toEqual([
      { from: 'a', to: 'b', received: 203, forwarded: 203, dropped: 0 },
      { from: 'b', to: 'a', received: 100, forwarded: 100, dropped: 0 },
    ]);
    expect(b.sent.frames).toEqual(there);
    expect(a.sent.frames).toEqual(back);
    expect([missing(a.port), missing(b.port)]).toEqual([0, 0]);
  });

  it('drops and counts what the other port has no room for', async () => {
    const a = softPort('a');
    const b = softPort('b', { accept: 30 });
    offer(a, 0, 100);
    a.end();
    const [there] = await forward(a.port, b.port, { batchSize: 16 });
    expect(there).toMatchObject({ received: 100, forwarded: 30, dropped: 70 });
    expect(missing(a.port)).toBe(0);
  });

  it('goes on when all packets of a port lie in the longer ring of the other one', async () => {
    const count = 10_000;
    const a = await open(`emulated:ixgbe?wire=generator&count=${count}&thread=0`, { promiscuous: true });
    const b = await open('emulated:ixgbe?thread=0', { txRingSize: 4096 });
    expect(a.rx[0].pool.capacity).toBeLessThan(4096);
    const [there] = await forward(a, b, { count, signal: AbortSignal.timeout(10_000) });
    expect(there.received).toBe(count);
    await Promise.all([a.close(), b.close()]);
  });

  it('waits for room instead, if it is told to', () => {
    const a = softPort('a');
    const b = softPort('b', { accept: 30 });
    offer(a, 0, 100);
    const forwarder = new Forwarder(a.port, b.port, { batchSize: 16, whenFull: 'wait' });
    for (let i = 0; i < 10; i++) forwarder.step();
    expect(forwarder.directions[0]).toMatchObject({ received: 32, forwarded: 30, dropped: 0, waiting: 2 });
    b.sent.accept = 1000;
    for (let i = 0; i < 10; i++) forwarder.step();
    expect(b.sent.numbers).toEqual(Array.from({ length: 100 }, (_, i) => i));
    forwarder.close();
    expect(missing(a.port)).toBe(0);
  });

  it('counts as dropped what still waits when it is closed', () => {
    const a = softPort('a');
    const b = softPort('b', { accept: 3 });
    offer(a, 0, 10);
    const forwarder = new Forwarder(a.port, b.port, { whenFull: 'wait' });
    forwarder.step();
    forwarder.close();
    expect(forwarder.directions[0]).toMatchObject({ received: 10, forwarded: 3, dropped: 7 });
    expect(missing(a.port)).toBe(0);
  });

  it('ends at the count exactly, over both directions', async () => {
    const a = softPort('a');
    const b = softPort('b');
    offer(a, 0, 100);
    offer(b, 0, 100);
    const summary = await forward(a.port, b.port, { count: 77, batchSize: 32 });
    expect(summary.map(({ received }) => received)).toEqual([45, 32]);
    expect(a.sent.frames.length + b.sent.frames.length).toBe(77);
  });

  it('shows each burst to a hook, which may take packets out', async () => {
    const a = softPort('a');
    const b = softPort('b');
    offer(a, 0, 10);
    a.end();
    const keepEven = (batch: PacketBatch) => {
      let kept = 0;
      for (let i = 0; i < batch.length; i++) {
        const packet = batch.packets[i];
        if ((batch.pool.bytes[batch.offset(i) + 3] & 1) === 0) batch.packets[kept++] = packet;
        else batch.pool.free(packet);
      }
      batch.length = kept;
    };
    const [there] = await forward(a.port, b.port, { onPackets: keepEven });
    expect(there).toMatchObject({ received: 10, forwarded: 5, dropped: 0 });
    expect(b.sent.numbers).toEqual([0, 2, 4, 6, 8]);
    expect(missing(a.port)).toBe(0);
  });

  it('gives all packets back if the hook throws', async () => {
    const a = softPort('a');
    const b = softPort('b');
    offer(a, 0, 10);
    const hook = () => {
      throw new Error('no');
    };
    await expect(forward(a.port, b.port, { onPackets: hook })).rejects.toThrow('no');
    expect(missing(a.port)).toBe(0);
  });

  it('ends when it is told to', async () => {
    const a = softPort('a');
    const b = softPort('b');
    const controller = new AbortController();
    const loop = forward(a.port, b.port, { signal: controller.signal });
    setTimeout(() => controller.abort(), 1);
    expect(await loop).toMatchObject([{ received: 0 }, { received: 0 }]);
  });
});
