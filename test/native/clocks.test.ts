import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { addon } from '../../src/native/addon.ts';

const native = addon();
const { CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID } = native.constants;
const sharedWord = () => new Float64Array(new SharedArrayBuffer(16), 8);

describe('a clock', () => {
  it('writes the time of the machine, as hrtime has it, and nothing beside it', () => {
    const words = new Float64Array(new SharedArrayBuffer(24));
    const read = native.clock(CLOCK_MONOTONIC, words.subarray(1));
    const before = Number(process.hrtime.bigint());
    expect(read()).toBeUndefined();
    const after = Number(process.hrtime.bigint());
    expect(words[1]).toBeGreaterThanOrEqual(before);
    expect(words[1]).toBeLessThanOrEqual(after);
    expect([words[0], words[2]]).toEqual([0, 0]);
  });

  it('of CPU time goes on while the thread works', () => {
    const word = sharedWord();
    const read = native.clock(CLOCK_THREAD_CPUTIME_ID, word);
    read();
    const [before] = word;
    while (word[0] === before) read();
    expect(word[0]).toBeGreaterThan(before);
  });

  it('keeps the memory that it writes to', () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const clocks = Array.from({ length: 100 }, () => native.clock(CLOCK_MONOTONIC, sharedWord()));
    collect();
    const others = Array.from({ length: 100 }, sharedWord);
    for (const read of clocks) read();
    expect(others.every(([word]) => word === 0)).toBe(true);
  });

  it('takes shared memory only, and clocks that there are', () => {
    const wrong = (id: unknown, word: unknown) => () => native.clock(id as number, word as Float64Array);
    expect(wrong(CLOCK_MONOTONIC, new Float64Array(1))).toThrow('clock: word must lie in a SharedArrayBuffer');
    expect(wrong(CLOCK_MONOTONIC, new Uint8Array(8))).toThrow('clock: word must be a Float64Array');
    expect(wrong(CLOCK_MONOTONIC, undefined)).toThrow(TypeError);
    expect(wrong(CLOCK_MONOTONIC, new Float64Array(new SharedArrayBuffer(0)))).toThrow(RangeError);
    expect(wrong(-1, sharedWord())).toThrow(RangeError);
    expect(wrong(4711, sharedWord())).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'clock_gettime' }));
  });
});
