import { once } from 'node:events';
import { existsSync, ftruncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { allocateSharedMemory } from '../../src/memory/memfd-memory.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { attachMemory, type MemoryShare, shareMemory } from '../../src/memory/shared-memory.ts';
import { available } from '../support/features.ts';
import { mappingsOf, openDescriptors, startWorker, workerEnd } from '../support/process.ts';

const SIZE = 2 ** 21;

const library = new URL('../../dist/memory/index.js', import.meta.url);
const built = available(
  'memory in other threads',
  existsSync(library) ? undefined : 'dist/ is missing; run: npm run build',
);

const KINDS: readonly [string, () => DmaMemory][] = [
  ['in a SharedArrayBuffer', () => allocatePlainMemory(SIZE)],
  ['behind a descriptor', () => allocateSharedMemory(SIZE)],
];

describe.each(KINDS)('memory %s', (_, allocate) => {
  it('is the same where it is attached', () => {
    const memory = allocate();
    const attached = attachMemory(shareMemory(memory));
    const { kind, size, pageSize } = memory;
    expect(attached).toMatchObject({ kind, size, pageSize });
    new Uint8Array(memory.buffer)[4711] = 17;
    expect(new Uint8Array(attached.buffer)[4711]).toBe(17);
    attached.free();
    memory.free();
  });

  it('outlives what was attached, and the other way round', () => {
    const memory = allocate();
    const [first, second] = [attachMemory(shareMemory(memory)), attachMemory(shareMemory(memory))];
    new Uint8Array(memory.buffer)[0] = 1;
    first.free();
    first.free();
    expect([first.buffer.byteLength, new Uint8Array(memory.buffer)[0]]).toEqual([0, 1]);
    memory.free();
    expect(new Uint8Array(second.buffer)[0]).toBe(1);
    second.free();
  });

  it.runIf(built)('reaches other threads, and loses nothing when they end', async () => {
    const memory = allocate();
    const program = `import(${JSON.stringify(library.href)}).then(({ attachMemory }) => {
      const bytes = new Uint8Array(attachMemory(workerData).buffer);
      bytes[1] = bytes[0] + 1;
      parentPort.postMessage('done');
      for (;;);
    });`;
    const bytes = new Uint8Array(memory.buffer);
    const descriptors = openDescriptors();
    for (let life = 0; life < 3; life++) {
      bytes[0] = 10 * life;
      const worker = startWorker(program, shareMemory(memory));
      await once(worker, 'message');
      const end = workerEnd(worker);
      void worker.terminate();
      await end;
      expect([bytes[0], bytes[1]]).toEqual([10 * life, 10 * life + 1]);
    }
    expect(openDescriptors()).toBe(descriptors);
    if (memory.descriptor >= 0) expect(mappingsOf('ixy-dma')).toBe(1);
    memory.free();
  });
});

describe('memory that cannot be shared', () => {
  it('says so', () => {
    const memory = { ...allocatePlainMemory(4096), buffer: new ArrayBuffer(4096), descriptor: -1 };
    expect(() => shareMemory(memory as DmaMemory)).toThrow(/must have a descriptor, or lie in a SharedArrayBuffer/);
  });

  it('is not mistaken for another file that has got its number', () => {
    const first = allocateSharedMemory(SIZE);
    const share: MemoryShare = shareMemory(first);
    first.free();
    expect(() => attachMemory(share)).toThrow(/were freed before this thread had attached/);
    const second = allocateSharedMemory(SIZE);
    expect(second.descriptor).toBe(share.descriptor);
    expect(() => attachMemory(share)).toThrow(/were freed before this thread had attached/);
    second.free();
  });

  const refusal = expect.objectContaining({
    code: 'ERR_CLOSED',
    message: expect.stringMatching(/were freed before this thread had attached .* another file by now, or none; free/),
  });

  it('is not mistaken for a file of another file system with the same inode number', () => {
    const memory = allocateSharedMemory(SIZE);
    const share = shareMemory(memory);
    const { file } = share;
    if (!file) throw new Error('memory behind a descriptor lies in a file');
    // Two file systems number their files apart from each other: only the device tells which one is meant.
    expect(() => attachMemory({ ...share, file: { ...file, device: file.device + 1n } })).toThrow(refusal);
    expect(() => attachMemory({ ...share, file: { ...file, inode: file.inode + 1n } })).toThrow(refusal);
    attachMemory(share).free();
    memory.free();
  });

  it.each([SIZE / 2, 2 * SIZE])('is not what a file of %i bytes holds', (bytes) => {
    const memory = allocateSharedMemory(SIZE);
    const share = shareMemory(memory);
    ftruncateSync(memory.descriptor, bytes);
    expect(() => attachMemory(share)).toThrow(refusal);
    memory.free();
  });
});
