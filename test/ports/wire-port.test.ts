import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import { CallbackWire } from '../../src/emulation/wires/callback.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { type OpenOptions, open } from '../../src/ports/index.ts';
import { openWirePort } from '../../src/ports/wire-port.ts';
import { Collector, numberedFrame, numberOf } from '../emulation/wires/frames.ts';
import { framesOf, openPort, readCapture, temporaryFile, writeCapture } from './port-support.ts';

function callbackPort(wire: CallbackWire, options: OpenOptions = {}): NetDevice {
  const port = openWirePort({ name: 'callback', driver: 'callback', description: 'a test', wire }, options);
  onTestFinished(() => port.close());
  return port;
}

function smallPool(packets: number): PacketPool {
  const pool = new PacketPool(allocatePlainMemory(PacketPool.memorySize(packets, 4096)));
  onTestFinished(() => pool.close());
  return pool;
}

describe('a port over a wire', () => {
  it('receives and sends frames of any length, as chains where they are long', () => {
    const far = new Collector();
    const wire = new CallbackWire({ onFrame: far.deliver });
    const port = callbackPort(wire);
    const frames = [60, 2047, 2048, 2049, 4096, 9018].map((length, i) => numberedFrame(i, length));
    for (const frame of frames) wire.send(frame);
    const batch = new PacketBatch(32);
    expect(port.rx[0].receive(batch)).toBe(6);
    expect(framesOf(batch)).toEqual(frames);
    expect(port.tx[0].transmit(batch)).toBe(6);
    expect(batch.length).toBe(0);
    expect(far.frames).toEqual(frames);
    const { available, capacity } = port.rx[0].pool;
    expect(available).toBe(capacity);
    const bytes = 60 + 2047 + 2048 + 2049 + 4096 + 9018;
    expect(port.statistics()).toMatchObject({
      rxPackets: 6,
      rxBytes: bytes,
      txPackets: 6,
      txBytes: bytes,
      txDropped: 0,
    });
    expect(port.counters()).toMatchObject({ 'sent.frames': 6, 'received.frames': 6, noBuffer: 0 });
  });

  it('keeps in the batch what the wire does not take', () => {
    const far = new Collector(2);
    const wire = new CallbackWire({ onFrame: far.deliver });
    const port = callbackPort(wire);
    for (let i = 0; i < 5; i++) wire.send(numberedFrame(i));
    const batch = new PacketBatch(8);
    port.rx[0].receive(batch);
    expect(port.tx[0].transmit(batch)).toBe(2);
    expect(framesOf(batch).map(numberOf)).toEqual([2, 3, 4]);
    far.accept = 9;
    expect(port.tx[0].transmit(batch)).toBe(3);
    expect(far.numbers).toEqual([0, 1, 2, 3, 4]);
  });

  it('leaves frames on the wire while the pool is empty, and loses none', () => {
    const wire = new CallbackWire();
    const pool = smallPool(4);
    const port = callbackPort(wire, { pool });
    const { capacity } = pool;
    for (let i = 0; i < capacity + 3; i++) wire.send(numberedFrame(i));
    const batch = new PacketBatch(64);
    expect(port.rx[0].receive(batch)).toBe(capacity);
    expect(port.rx[0].receive(batch)).toBe(0);
    expect(port.counters().noBuffer).toBeGreaterThan(0);
    batch.free();
    expect(port.rx[0].receive(batch)).toBe(3);
    expect(framesOf(batch).map(numberOf)).toEqual([capacity, capacity + 1, capacity + 2]);
    batch.free();
  });

  it('sends packets of another port’s pool, and gives them back to it', () => {
    const far = new Collector();
    const from = new CallbackWire();
    const source = callbackPort(from);
    const sink = callbackPort(new CallbackWire({ onFrame: far.deliver }));
    from.send(numberedFrame(7));
    const batch = new PacketBatch(4);
    source.rx[0].receive(batch);
    sink.tx[0].transmit(batch);
    expect(far.numbers).toEqual([7]);
    expect(source.rx[0].pool.available).toBe(source.rx[0].pool.capacity);
  });

  it('completes checksums that were left open, and drops packets where they lie outside', () => {
    const far = new Collector();
    const port = callbackPort(new CallbackWire({ onFrame: far.deliver }));
    const { pool } = port.rx[0];
    const batch = new PacketBatch(4, pool);
    batch.allocate(pool, 4);
    for (const packet of batch.packets) {
      pool.length[packet] = 60;
      pool.bytes.fill(0, pool.offset(packet), pool.offset(packet) + 60);
    }
    const [first, head, tail, cut] = batch.packets;
    batch.packets.set([first, head, cut]);
    batch.length = 3;
    pool.chain(head, tail);
    for (const packet of [first, head, cut]) pool.requestChecksum(packet, 34, 6);
    pool.bytes[pool.offset(tail)] = 1;
    pool.length[cut] = 41;
    expect(port.tx[0].transmit(batch)).toBe(3);
    expect(far.frames.map((frame) => [frame.length, frame[40], frame[41]])).toEqual([
      [60, 0xff, 0xff],
      [120, 0xfe, 0xff],
    ]);
    expect(port.statistics()).toMatchObject({ txPackets: 2, txDropped: 1 });
    expect(port.counters().badChecksum).toBe(1);
    expect(pool.available).toBe(pool.capacity);
  });

  it('finds a double free in checked mode', () => {
    const wire = new CallbackWire();
    const port = callbackPort(wire, { checked: true });
    wire.send(numberedFrame(1));
    const batch = new PacketBatch(4);
    port.rx[0].receive(batch);
    const packet = batch.packets[0];
    port.tx[0].transmit(batch);
    batch.push(packet);
    expect(() => port.tx[0].transmit(batch)).toThrow(expect.objectContaining({ code: 'ERR_PACKET_OWNERSHIP' }));
  });

  it('tells of its link, and waits for it a bounded time', async () => {
    const wire = new CallbackWire();
    const port = callbackPort(wire);
    const seen: boolean[] = [];
    port.on('link', ({ up }) => seen.push(up));
    expect(await port.waitForLink(0)).toEqual({ up: true, speed: 10_000, fullDuplex: true });
    wire.connected = false;
    const batch = new PacketBatch(1);
    port.rx[0].receive(batch);
    port.rx[0].receive(batch);
    expect(seen).toEqual([false]);
    await expect(port.waitForLink(0)).rejects.toThrow('callback: no link after 0 ms');
  });

  it('has one queue each way', () => {
    const wire = new CallbackWire();
    expect(() => callbackPort(wire, { rxQueues: 2 })).toThrow(
      'callback is no NIC: it has one queue each way, for the thread that opens it alone; expected 1 queue, found 2',
    );
    expect(wire.connected).toBe(false);
  });

  it('closes once, and leaves a pool that was given to it', () => {
    const pool = smallPool(4);
    const port = callbackPort(new CallbackWire(), { pool });
    let closed = 0;
    port.on('closed', () => closed++);
    port.close();
    port.close();
    expect(closed).toBe(1);
    expect(pool.allocate()).toBeGreaterThanOrEqual(0);
  });
});

describe('pcap ports', () => {
  const frames = Array.from({ length: 100 }, (_, i) => numberedFrame(i, 60 + i * 20));

  it('copy a file through a batch, and end', async () => {
    const input = temporaryFile('in.pcap');
    const output = temporaryFile('out.pcap');
    writeCapture(input, frames);
    const from = await openPort(`pcap:${input}`);
    const to = await openPort(`pcap:${output}`);
    expect(from.ended).toBe(false);
    const batch = new PacketBatch(32);
    while (from.rx[0].receive(batch) > 0 || !from.ended) to.tx[0].transmit(batch);
    expect(from.statistics().rxPackets).toBe(100);
    to.close();
    expect(readCapture(output)).toEqual(frames);
    expect([from.driver, from.link().up, to.ended]).toEqual(['pcap', true, false]);
  });

  it('are read or written as they are used, and as their mode says', async () => {
    const path = temporaryFile('x.pcap');
    writeCapture(path, frames);
    const batch = new PacketBatch(4);
    expect((await openPort(`pcap:${path}`)).rx[0].receive(batch)).toBe(4);
    batch.free();
    expect((await openPort(`pcap:${path}`, { use: 'receive' })).rx[0].receive(batch)).toBe(4);
    batch.free();
    (await openPort(`pcap:${path}?mode=write`)).close();
    expect(readCapture(path)).toEqual([]);
    writeCapture(path, frames);
    (await openPort(`pcap:${path}`, { use: 'transmit' })).close();
    expect(readCapture(path)).toEqual([]);
    await expect(open(`pcap:${path}.none`, { use: 'receive' })).rejects.toThrow('ENOENT');
    await expect(open('pcap:-')).rejects.toThrow('say which with mode=read or mode=write');
  });

  it('loop, keep a pace, and cut what they write', async () => {
    const input = temporaryFile('in.pcap');
    writeCapture(input, frames.slice(0, 3));
    const batch = new PacketBatch(64);
    const port = await openPort(`pcap:${input}?loops=5`);
    expect(port.rx[0].receive(batch)).toBe(15);
    const output = temporaryFile('out.pcap');
    const cutting = await openPort(`pcap:${output}?mode=write&snap=64`);
    cutting.tx[0].transmit(batch);
    cutting.close();
    expect(readCapture(output).map(({ length }) => length)).toEqual(
      Array.from({ length: 15 }, (_, i) => [60, 64, 64][i % 3]),
    );
    const paced = await openPort(`pcap:${input}?pace=1pps`);
    expect(paced.rx[0].receive(batch)).toBe(1);
    expect(paced.rx[0].receive(batch)).toBe(0);
    batch.free();
  });

  it('count what is sent to a file that is read', async () => {
    const input = temporaryFile('in.pcap');
    writeCapture(input, frames);
    const port = await openPort(`pcap:${input}`);
    const batch = new PacketBatch(8);
    port.rx[0].receive(batch);
    port.tx[0].transmit(batch);
    expect(port.statistics()).toMatchObject({ txPackets: 0, txDropped: 8 });
  });

  it('say what is wrong with a file', async () => {
    const path = temporaryFile('not.pcap');
    writeFileSync(path, 'this is not a capture');
    await expect(open(`pcap:${path}`)).rejects.toThrow(expect.objectContaining({ code: 'ERR_BAD_FILE' }));
  });
});

describe('open', () => {
  it.each([
    ['tpa:tap0', "port 'tpa:tap0': unknown scheme 'tpa'; a PCI address has none; known: ", "; did you mean 'tap'?"],
    ['tap:', "port 'tap:': nothing follows 'tap:'; expected tap:NAME", ''],
    ['tap:x?crate=1', "port 'tap:x?crate=1': unknown parameter 'crate'; known: create; did you mean 'create'?", ''],
    ['pcap:x?mode=append', "parameter 'mode' must be one of read, write, found 'append'", ''],
    ['pcap:x?pace=10G', "parameter 'pace' must be fast, original, or packets per second ('1Mpps'), found '10G'", ''],
  ])('says what is wrong with %s', async (uri, begin, end) => {
    const error = await open(uri).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_PORT_URI' });
    expect(String(error)).toContain(begin);
    expect(String(error)).toContain(end);
    expect(String(error)).not.toContain('\n');
  });
});
