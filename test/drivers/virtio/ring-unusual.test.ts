import { describe, expect, it } from 'vitest';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import {
  CHECKSUM_PARTIAL,
  CHECKSUM_VERIFIED,
  DEFAULT_HEADROOM,
  POOL_MOVED,
  POOL_SPECIAL,
} from '../../../src/memory/packet-pool.ts';
import { bytesOf, deliver, frame, type Header, header } from './receive-side.ts';
import { expectConserved, type RingOptions, receiver } from './ring-set-up.ts';
import { fill } from './split-device.ts';

describe.each(['split', 'packed'] as const)('headers of frames received in %s rings', (kind) => {
  it('become packet flags where checksums were negotiated, and else nothing', () => {
    for (const receiveChecksum of [true, false]) {
      const set = receiver({ kind, receiveChecksum });
      const batch = new PacketBatch(64);
      const fields: Header[] = [{}, { flags: 2 }, { flags: 1, start: 34, offset: 16 }, { flags: 2 }, {}, {}, {}, {}];
      for (const header of fields) deliver(set, frame(1, 60), header);
      expect(set.queue.receive(batch)).toBe(8);
      const flags = [...batch.packets.subarray(0, 4)].map((packet) => set.pool.offloads[packet]);
      expect(flags).toEqual(
        receiveChecksum ? [0, CHECKSUM_VERIFIED, CHECKSUM_PARTIAL, CHECKSUM_VERIFIED] : [0, 0, 0, 0],
      );
      if (!receiveChecksum) continue;
      const packet = batch.packets[2];
      expect([set.pool.checksumStart[packet], set.pool.checksumOffset[packet]]).toEqual([34, 16]);
    }
  });

  it('that put a checksum outside of the frame make it a bad one', () => {
    const set = receiver({ kind, receiveChecksum: true });
    const batch = new PacketBatch(64);
    for (const [start, offset] of [
      [43, 16],
      [60, 0],
      [0xffff, 0xffff],
      [42, 16],
    ]) {
      deliver(set, frame(1, 60), { flags: 1, start, offset });
    }
    expect(set.queue.receive(batch)).toBe(1);
    expect(set.queue.badFrames).toBe(3);
    batch.free();
    set.queue.reclaim();
    expectConserved(set.pool);
  });
});

describe.each([
  ['split', true],
  ['split', false],
  ['packed', true],
  ['packed', false],
] as const)('mergeable buffers in %s rings, in order %s', (kind, inOrder) => {
  const options: RingOptions = { kind, mergeable: true, maximumFrame: 9018, inOrder };

  it('become chains', () => {
    const set = receiver(options);
    const { queue, pool } = set;
    const batch = new PacketBatch(64);
    const frames = [60, 2048, 2049, 4108, 4109, 9018].map((length, i) => frame(i, length));
    for (let lap = 0; lap < 50; lap++) {
      for (const data of frames) deliver(set, data);
      expect(queue.receive(batch)).toBe(frames.length);
      for (const [i, data] of frames.entries()) {
        expect(Buffer.from(bytesOf(set, batch.packets[i])).equals(data)).toBe(true);
        expect(pool.headroom[batch.packets[i]]).toBe(DEFAULT_HEADROOM);
      }
      batch.free();
    }
    expect(queue.badFrames).toBe(0);
    // The last segments begin where headers would be, and all are linked, but none are now.
    expect([pool.state[POOL_MOVED], pool.state[POOL_SPECIAL]]).toEqual([0, 0]);
    queue.reclaim();
    expectConserved(pool);
  });

  it.each([2, 40, 0xffff])('end the queue if a frame in one says %i: where would the next one begin?', (buffers) => {
    const set = receiver(options);
    const { queue, pool } = set;
    const batch = new PacketBatch(64);
    deliver(set, frame(1, 60));
    deliver(set, frame(2, 60), { buffers });
    expect(queue.receive(batch)).toBe(1);
    expect(set.broken).toEqual([`announced a frame in ${buffers} buffers, more than it has used`]);
    deliver(set, frame(3, 60));
    expect(queue.receive(batch)).toBe(0);
    batch.free();
    queue.reclaim();
    expectConserved(pool);
  });

  it.runIf(inOrder)('may be used in groups with one element, across several frames', () => {
    const set = receiver(options);
    const { queue, device, pool } = set;
    const batch = new PacketBatch(2);
    // Frames that fill their buffers, but for the last of the group.
    const frames = [2048, 8228, 4108, 5000].map((length, i) => frame(i, length));
    for (let lap = 0; lap < 50; lap++) {
      const buffers = frames.flatMap((data) => deliver(set, data, {}, false));
      const [last] = buffers.slice(-1);
      device.use(last.id, 5012 - 2 * 2060, buffers.length - 1);
      const received: Buffer[] = [];
      while (queue.receive(batch) > 0) {
        for (let i = 0; i < batch.length; i++) received.push(Buffer.from(bytesOf(set, batch.packets[i])));
        batch.free();
      }
      expect(received.map((data, i) => data.equals(frames[i]))).toEqual([true, true, true, true]);
    }
    expect([queue.badFrames, set.broken]).toEqual([0, []]);
    queue.reclaim();
    expectConserved(pool);
  });

  it('are dropped whole if they make no frame', () => {
    const set = receiver(options);
    const { queue, device, pool } = set;
    const batch = new PacketBatch(64);
    const use = (buffers: number, lengths: number[]): void => {
      for (const length of lengths) {
        const buffer = device.take();
        if (!buffer) throw new Error('no buffer');
        if (length > 0) fill(buffer, header(set, { buffers }));
        device.use(buffer.id, length);
      }
    };
    use(0, [72]);
    use(2, [2060, 0]);
    use(2, [100, 100]);
    use(6, [2060, 2060, 2060, 2060, 2060, 7]);
    use(3, [2060, 2060, 2061]);
    deliver(set, frame(8, 100));
    expect(queue.receive(batch)).toBe(1);
    expect(bytesOf(set, batch.packets[0])).toEqual([...frame(8, 100)]);
    expect(queue.badFrames).toBe(5);
    expect(set.broken).toEqual([]);
    batch.free();
    queue.reclaim();
    expectConserved(pool);
  });

  it('of which one makes no sense end the queue, and the others go back to the pool', () => {
    const set = receiver(options);
    const buffers = deliver(set, frame(1, 5000), {}, false);
    const wrong = inOrder ? 200 : buffers[0].id; // one that it never had, or not any more
    set.device.use(buffers[0].id, 2060);
    set.device.use(wrong, 2060);
    set.device.use(wrong, 892);
    expect(set.queue.receive(new PacketBatch(64))).toBe(0);
    expect(set.broken).toHaveLength(1);
    set.queue.reclaim();
    expectConserved(set.pool);
  });

  it('that cannot exist end the queue', () => {
    const set = receiver(options);
    deliver(set, frame(1, 60), { buffers: 65 });
    expect(set.queue.receive(new PacketBatch(64))).toBe(0);
    expect(set.broken).toEqual(['announced a frame in 65 buffers, more than it has used']);
    set.queue.reclaim();
    expectConserved(set.pool);
  });
});

describe.each(['split', 'packed'] as const)('a device that uses buffers of %s rings in order', (kind) => {
  it('may write one element for several; the others are full', () => {
    const set = receiver({ kind, inOrder: true, size: 16 });
    const { queue, device, pool } = set;
    const batch = new PacketBatch(3);
    let groups = 0;
    for (let round = 0; round < 100; round++) {
      const size = 1 + (round % 9);
      const buffers = Array.from({ length: size }, () => device.take());
      for (const [i, buffer] of buffers.entries()) if (buffer) fill(buffer, frame(round + i, 40));
      const last = buffers[size - 1];
      if (!last) throw new Error('no buffer');
      device.use(last.id, 72, size - 1);
      const lengths: number[] = [];
      while (queue.receive(batch) > 0) {
        for (let i = 0; i < batch.length; i++) lengths.push(batch.bytesIn(i));
        batch.free();
      }
      expect(lengths).toEqual([...new Array(size - 1).fill(pool.dataSize), 60]);
      groups++;
    }
    expect(groups).toBe(100);
    expect(set.broken).toEqual([]);
    queue.reclaim();
    expectConserved(pool);
  });
});
