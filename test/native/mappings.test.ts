import { closeSync, ftruncateSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { collectUntil } from '../support/garbage.ts';
import { mappingsOf, openDescriptors, startWorker, temporaryDirectory, workerEnd } from '../support/process.ts';

const native = addon();
const { MAP_ANONYMOUS, MAP_POPULATE, MAP_PRIVATE, MAP_SHARED, MFD_CLOEXEC } = native.constants;

/** A memory file of `size` bytes, closed when the test is over. */
function memoryFile(name: string, size: number): number {
  const descriptor = native.memfdCreate(name, MFD_CLOEXEC);
  onTestFinished(() => native.close(descriptor));
  ftruncateSync(descriptor, size);
  return descriptor;
}

describe('mmap', () => {
  it('is the memory itself: stores reach the file, writes to the file show', () => {
    const descriptor = memoryFile('ixy-shared', 8192);
    const bytes = new Uint8Array(native.mmap(descriptor, 4096, 4096, MAP_SHARED | MAP_POPULATE));
    bytes[10] = 0x5a;
    const back = new Uint8Array(1);
    readSync(descriptor, back, 0, 1, 4096 + 10);
    expect(back[0]).toBe(0x5a);
    writeSync(descriptor, new Uint8Array([0xa5]), 0, 1, 4096 + 11);
    expect(bytes[11]).toBe(0xa5);
    native.munmap(bytes.buffer);
  });

  it('the same file may be mapped twice', () => {
    const descriptor = memoryFile('ixy-twice', 4096);
    const first = new Uint8Array(native.mmap(descriptor, 4096, 0, MAP_SHARED));
    const second = new Uint8Array(native.mmap(descriptor, 4096, 0, MAP_SHARED));
    first[0] = 42;
    expect(second[0]).toBe(42);
    expect(native.addressOf(first)).not.toBe(native.addressOf(second));
    native.munmap(first.buffer);
    expect(second[0]).toBe(42);
    native.munmap(second.buffer);
  });

  it('a range beyond the end of the file is refused, as touching it would kill the process', () => {
    const descriptor = memoryFile('ixy-short', 4096);
    expect(() => native.mmap(descriptor, 8192, 0, MAP_SHARED)).toThrow(RangeError);
    expect(() => native.mmap(descriptor, 4096, 4096, MAP_SHARED)).toThrow(RangeError);
    expect(() => native.mmap(descriptor, 1, Number.MAX_SAFE_INTEGER, MAP_SHARED)).toThrow(RangeError);
  });

  it('fails with the errno and the path', () => {
    const path = join(temporaryDirectory(), 'read-only');
    writeFileSync(path, new Uint8Array(4096));
    const descriptor = openSync(path, 'r');
    onTestFinished(() => closeSync(descriptor));
    expect(() => native.mmap(descriptor, 4096, 0, MAP_SHARED)).toThrow(
      expect.objectContaining({ code: 'EACCES', errno: 13, syscall: 'mmap', path }),
    );
  });

  it('more than the machine has, or than an ArrayBuffer takes, leaves no mapping behind', () => {
    const huge = Number.MAX_SAFE_INTEGER;
    expect(() => native.mmap(-1, huge, 0, MAP_ANONYMOUS | MAP_PRIVATE)).toThrow(
      expect.objectContaining({ code: 'ENOMEM' }),
    );
    const descriptor = memoryFile('ixy-sparse', 2 ** 45);
    let mapped: ArrayBuffer | undefined;
    try {
      mapped = native.mmap(descriptor, 2 ** 45, 0, MAP_SHARED);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    expect(mappingsOf('ixy-sparse')).toBe(mapped ? 1 : 0);
    if (mapped) native.munmap(mapped);
    expect(mappingsOf('ixy-sparse')).toBe(0);
  });

  it('cannot be transferred away', () => {
    const buffer = native.mmap(-1, 4096, 0, MAP_ANONYMOUS | MAP_PRIVATE);
    try {
      // Node 20 clones it instead; later versions throw.
      structuredClone(buffer, { transfer: [buffer] });
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' });
    }
    expect(buffer.byteLength).toBe(4096);
    native.munmap(buffer);
  });
});

describe('joinMappings', () => {
  const PAGE = 4096;

  it('shows pages of several files side by side, in any order, and repeatedly', () => {
    const [first, second] = [1, 2].map((value) => {
      const mapping = native.mmap(memoryFile('ixy-joined', 4 * PAGE), 4 * PAGE, 0, MAP_SHARED);
      onTestFinished(() => native.munmap(mapping));
      return new Uint8Array(mapping).fill(value);
    });
    const before = mappingsOf('ixy-joined');
    const pieces = [
      first.subarray(2 * PAGE, 3 * PAGE),
      second,
      first.subarray(0, PAGE),
      first.subarray(2 * PAGE, 3 * PAGE),
    ];
    const joined = new Uint8Array(native.joinMappings(pieces));
    expect(joined.length).toBe(7 * PAGE);
    expect([0, 1, 4, 5, 6].map((page) => joined[page * PAGE])).toEqual([1, 2, 2, 1, 1]);
    joined[17] = 42;
    expect([first[2 * PAGE + 17], joined[6 * PAGE + 17]]).toEqual([42, 42]);
    second[5] = 43;
    expect(joined[PAGE + 5]).toBe(43);
    native.munmap(joined.buffer);
    expect(mappingsOf('ixy-joined')).toBe(before);
    expect([first[2 * PAGE + 17], second[5]]).toEqual([42, 43]);
  });

  it('outlives its pieces', () => {
    const mapping = native.mmap(memoryFile('ixy-outlives', 2 * PAGE), 2 * PAGE, 0, MAP_SHARED);
    const bytes = new Uint8Array(mapping).fill(7);
    const joined = new Uint8Array(native.joinMappings([bytes.subarray(PAGE), bytes.subarray(0, PAGE)]));
    native.munmap(mapping);
    expect(joined.every((byte) => byte === 7)).toBe(true);
    native.munmap(joined.buffer);
    expect(mappingsOf('ixy-outlives')).toBe(0);
  });

  it('takes whole pages that mmap returned, and nothing else', () => {
    const mapping = native.mmap(memoryFile('ixy-pieces', 2 * PAGE), 2 * PAGE, 0, MAP_SHARED);
    const bytes = new Uint8Array(mapping);
    const joined = native.joinMappings([bytes.subarray(PAGE), bytes.subarray(0, PAGE)]);
    const before = mappingsOf('ixy-pieces');
    for (const wrong of [[], [bytes, bytes.subarray(0, 8)], [bytes.subarray(8, PAGE + 8)], [bytes.subarray(0, 0)]]) {
      expect(() => native.joinMappings(wrong)).toThrow(RangeError);
    }
    const foreign = new Uint8Array(new ArrayBuffer(3 * PAGE));
    const aligned = (PAGE - (native.addressOf(foreign) % PAGE)) % PAGE;
    for (const wrong of [foreign.subarray(aligned, aligned + PAGE), new Uint8Array(joined)]) {
      expect(() => native.joinMappings([wrong])).toThrow(TypeError);
    }
    // @ts-expect-error: must be an array
    expect(() => native.joinMappings(bytes)).toThrow(TypeError);
    // Longer than any memory, and empty.
    expect(() => native.joinMappings(new Array(2 ** 32 - 1))).toThrow(TypeError);
    expect(mappingsOf('ixy-pieces')).toBe(before);
    native.munmap(joined);
    native.munmap(mapping);
  });

  it('leaves nothing behind where the kernel refuses', () => {
    const shared = native.mmap(memoryFile('ixy-refused', PAGE), PAGE, 0, MAP_SHARED);
    const own = native.mmap(-1, PAGE, 0, MAP_ANONYMOUS | MAP_PRIVATE);
    expect(() => native.joinMappings([new Uint8Array(shared), new Uint8Array(own)])).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'mremap' }),
    );
    expect(mappingsOf('ixy-refused')).toBe(1);
    native.munmap(shared);
    native.munmap(own);
  });
});

describe('munmap', () => {
  it('unmaps, and detaches every view', () => {
    const descriptor = memoryFile('ixy-detach', 4096);
    const buffer = native.mmap(descriptor, 4096, 0, MAP_SHARED);
    const view = new Int32Array(buffer, 16, 4);
    expect(mappingsOf('ixy-detach')).toBe(1);
    native.munmap(buffer);
    expect(mappingsOf('ixy-detach')).toBe(0);
    expect(buffer.byteLength).toBe(0);
    expect(view.length).toBe(0);
    expect(view[0]).toBeUndefined();
  });

  it('a second time is a TypeError', () => {
    const buffer = native.mmap(-1, 4096, 0, MAP_ANONYMOUS | MAP_PRIVATE);
    native.munmap(buffer);
    expect(() => native.munmap(buffer)).toThrow(TypeError);
  });

  it('garbage that was unmapped by hand takes no later mapping at the same address with it', async () => {
    const descriptor = memoryFile('ixy-reuse', 4096);
    for (let i = 0; i < 20; i++) native.munmap(native.mmap(descriptor, 4096, 0, MAP_SHARED));
    const kept = new Uint8Array(native.mmap(descriptor, 4096, 0, MAP_SHARED));
    await collectUntil(() => false, 10);
    expect(mappingsOf('ixy-reuse')).toBe(1);
    kept[0] = 1;
    native.munmap(kept.buffer);
  });
});

describe('a mapping that nobody unmaps', () => {
  it('goes with its ArrayBuffer', async () => {
    const descriptor = memoryFile('ixy-garbage', 4096);
    for (let i = 0; i < 10; i++) native.mmap(descriptor, 4096, 0, MAP_SHARED);
    expect(await collectUntil(() => mappingsOf('ixy-garbage') === 0)).toBe(true);
  });

  it('stays while a cleanup write is armed, and goes once that is disarmed', async () => {
    const descriptor = memoryFile('ixy-armed', 4096);
    const token = native.armCleanupWrite(descriptor, 0, new Uint8Array(1));
    const collected = new WeakRef(native.mmap(descriptor, 4096, 0, MAP_SHARED));
    expect(await collectUntil(() => collected.deref() === undefined)).toBe(true);
    await collectUntil(() => false, 5);
    expect(mappingsOf('ixy-armed')).toBe(1);
    native.disarmCleanupWrite(token);
    expect(mappingsOf('ixy-armed')).toBe(0);
  });

  it.each([
    ['runs out of work', '', false],
    ['calls process.exit', 'process.exit(0);', false],
    ['throws', 'throw new Error("end");', false],
    ['is terminated', 'for (;;);', true],
  ])('goes with its worker, when that %s', async (_, end, terminate) => {
    const descriptor = memoryFile('ixy-worker', 4096);
    const before = openDescriptors();
    const code = `globalThis.kept = addon.mmap(workerData, 4096, 0, addon.constants.MAP_SHARED);
      parentPort.postMessage('mapped'); ${end}`;
    const worker = startWorker(code, descriptor);
    const gone = workerEnd(worker);
    await new Promise((mapped) => worker.once('message', mapped));
    if (terminate) await worker.terminate();
    await gone;
    expect(mappingsOf('ixy-worker')).toBe(0);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('belongs to its own environment', async () => {
    const descriptor = memoryFile('ixy-mine', 4096);
    const mine = new Uint8Array(native.mmap(descriptor, 4096, 0, MAP_SHARED));
    const worker = startWorker(
      'new Uint8Array(addon.mmap(workerData, 4096, 0, addon.constants.MAP_SHARED))[0] = 9;',
      descriptor,
    );
    expect(await workerEnd(worker)).toBe(0);
    expect(mine[0]).toBe(9);
    expect(mappingsOf('ixy-mine')).toBe(1);
    native.munmap(mine.buffer);
  });
});

describe('addressOf', () => {
  it('counts the view’s offset, and takes shared memory too', () => {
    const shared = new SharedArrayBuffer(64);
    const begin = native.addressOf(new Uint8Array(shared));
    expect(native.addressOf(new Uint8Array(shared, 24))).toBe(begin + 24);
    expect(Number.isSafeInteger(begin)).toBe(true);
  });

  it('of a detached view throws', () => {
    const buffer = native.mmap(-1, 4096, 0, MAP_ANONYMOUS | MAP_PRIVATE);
    const bytes = new Uint8Array(buffer);
    expect(native.addressOf(bytes) % 4096).toBe(0);
    native.munmap(buffer);
    expect(() => native.addressOf(bytes)).toThrow(RangeError);
  });
});
