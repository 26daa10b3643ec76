import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PacketRecorder } from '../../src/apps/index.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { CaptureParser } from '../../src/packets/index.ts';
import { temporaryDirectory } from '../support/process.ts';

const PACKETS = 64;
const LENGTH = 1514;

/** A full burst of packets that say which burst they are of. */
function burst(): { batch: PacketBatch; number(n: number): void } {
  const pool = new PacketPool(allocatePlainMemory(PacketPool.memorySize(PACKETS, 2 ** 21)));
  onTestFinished(() => pool.close());
  const batch = new PacketBatch(PACKETS);
  batch.allocate(pool, PACKETS);
  for (const packet of batch.packets) pool.length[packet] = LENGTH;
  const number = (n: number) => {
    for (const offset of batch.offsets) pool.bytes[offset] = n;
  };
  return { batch, number };
}

function namedPipe(): { path: string; reader: number } {
  const path = join(temporaryDirectory(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { path, reader };
}

/** Pushes all that is in the pipe now; whether there was anything. */
function drain(reader: number, parser: CaptureParser): boolean {
  const chunk = new Uint8Array(2 ** 20);
  let any = false;
  for (;;) {
    try {
      const length = readSync(reader, chunk, 0, chunk.length, null);
      if (length === 0) return any;
      parser.push(chunk, length);
      any = true;
    } catch {
      return any;
    }
  }
}

function* records(parser: CaptureParser): Generator<number> {
  for (let record = parser.next(); record; record = parser.next()) yield record.bytes[record.offset];
}

describe('PacketRecorder', () => {
  it('leaves out whole packets, and counts them, while the reader of its pipe is behind', () => {
    const { path, reader } = namedPipe();
    const { batch, number } = burst();
    const recorder = new PacketRecorder(path);
    const parser = new CaptureParser();
    const seen: number[] = [];
    for (let n = 0; n < 40; n++) {
      number(n);
      recorder.record(batch);
      recorder.flush();
      if (n % 5 === 4) {
        drain(reader, parser);
        seen.push(...records(parser));
      }
    }
    do recorder.flush();
    while (drain(reader, parser));
    seen.push(...records(parser));
    recorder.close();
    expect(drain(reader, parser)).toBe(false);
    parser.end(); // nothing is cut
    closeSync(reader);
    expect(recorder.dropped).toBeGreaterThan(0);
    expect(recorder.recorded + recorder.dropped).toBe(40 * PACKETS);
    expect(seen).toHaveLength(recorder.recorded);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('completes checksums that were left open, and leaves out packets where they lie outside', () => {
    const path = join(temporaryDirectory(), 'out.pcap');
    const { batch } = burst();
    const { pool, packets } = batch;
    const recorder = new PacketRecorder(path);
    batch.length = 3;
    for (const packet of packets.subarray(0, 3)) {
      pool.bytes.fill(0, pool.offset(packet), pool.offset(packet) + LENGTH);
      if (packet !== packets[2]) pool.requestChecksum(packet, 34, 6);
    }
    pool.length[packets[1]] = 41;
    recorder.record(batch);
    recorder.close();
    expect([recorder.recorded, recorder.dropped, batch.length]).toEqual([2, 1, 3]);
    const file = readFileSync(path);
    expect(file).toHaveLength(24 + 2 * (16 + LENGTH));
    const fields = [0, 1].map((i) => file.readUInt16BE(24 + i * (16 + LENGTH) + 16 + 40));
    expect(fields).toEqual([0xffff, 0]);
  });

  it('knows when the reader of its pipe has gone', () => {
    const { path, reader } = namedPipe();
    const { batch } = burst();
    const recorder = new PacketRecorder(path);
    expect(recorder.ended).toBe(false);
    closeSync(reader);
    recorder.record(batch);
    recorder.flush();
    expect(recorder.ended).toBe(true);
    recorder.close();
  });

  it('shows the header of the file at once, and packets with the last burst of a row', () => {
    const path = join(temporaryDirectory(), 'out.pcap');
    const { batch } = burst();
    const recorder = new PacketRecorder(path);
    expect(readFileSync(path)).toHaveLength(24);
    recorder.record(batch);
    expect(readFileSync(path)).toHaveLength(24);
    batch.length = 1;
    recorder.record(batch);
    expect(readFileSync(path)).toHaveLength(24 + (PACKETS + 1) * (16 + LENGTH));
    recorder.close();
    recorder.close();
  });

  it('says what is wrong with its file', () => {
    expect(() => new PacketRecorder('/nonexistent/out.pcap')).toThrow(
      expect.objectContaining({ code: 'ERR_SYSTEM', message: expect.stringContaining('/nonexistent/out.pcap') }),
    );
    const { path, reader } = namedPipe();
    closeSync(reader);
    expect(() => new PacketRecorder(path)).toThrow('nobody reads it');
  });
});
