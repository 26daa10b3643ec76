import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { openDescriptors, runProcess, startWorker, workerEnd } from '../support/process.ts';

const native = addon();
const { EFD_CLOEXEC, EFD_NONBLOCK } = native.constants;
const one = new Uint8Array(new BigUint64Array([1n]).buffer);

function counter(): number {
  const descriptor = native.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  onTestFinished(() => native.close(descriptor));
  return descriptor;
}

/** Reads the counter, which makes it unreadable; −1 if it was 0. */
function take(descriptor: number): number {
  return native.read(descriptor, new Uint8Array(8), 0, 8);
}

/** A few turns of the event loop: whatever is ready has called back by then. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await setImmediate();
}

describe('a watch', () => {
  it('calls back for as long as the descriptor is readable, and no longer', async () => {
    const descriptor = counter();
    let calls = 0;
    const token = native.watch(descriptor, () => {
      if (++calls === 3) take(descriptor);
    });
    await turns();
    expect(calls).toBe(0);
    native.write(descriptor, one, 0, 8);
    while (calls < 3) await setImmediate();
    await turns();
    expect(calls).toBe(3);
    native.unwatch(token);
    native.write(descriptor, one, 0, 8);
    await turns();
    expect(calls).toBe(3);
  });

  it('may end in its own callback, and begin again', async () => {
    const descriptor = counter();
    native.write(descriptor, one, 0, 8);
    for (let round = 0; round < 100; round++) {
      await new Promise<void>((done) => {
        const token = native.watch(descriptor, () => {
          native.unwatch(token);
          done();
        });
      });
    }
    expect(take(descriptor)).toBe(8);
  });

  it('is one of several on a descriptor, and outlives its original', async () => {
    await turns(); // until the watches of earlier tests are closed
    const before = openDescriptors();
    const descriptor = native.eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    const tokens: number[] = [];
    const called = [0, 1].map(
      (n) => new Promise<number>((done) => tokens.push(native.watch(descriptor, () => done(n)))),
    );
    native.close(descriptor);
    expect(await Promise.all(called)).toEqual([0, 1]);
    for (const token of tokens) native.unwatch(token);
    await turns();
    expect(openDescriptors()).toBe(before);
  });

  it('does not keep the process from ending, unless it is told to', async () => {
    const code = `const descriptor = addon.eventfd(0, 0);
      const token = addon.watch(descriptor, () => { process.stdout.write('called'); addon.unwatch(token); });
      addon.keepWatchAlive(token, process.argv[1] === 'alive');
      setTimeout(() => addon.write(descriptor, Buffer.from([1,0,0,0,0,0,0,0]), 0, 8), 50).unref();`;
    expect(await runProcess(code, 'alive')).toMatchObject({ status: 0, stdout: 'called', stderr: '' });
    expect(await runProcess(code, 'not')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it('hands what its callback throws to the process as uncaught', async () => {
    const code = `const token = addon.watch(addon.eventfd(1, 0), () => { addon.unwatch(token); throw new Error('from a watch'); });
      addon.keepWatchAlive(token, true);
      process.on('uncaughtException', (error) => process.stdout.write(error.message));`;
    expect(await runProcess(code)).toMatchObject({ status: 0, stdout: 'from a watch' });
  });

  it.each([
    ['runs out of work', '', false],
    ['calls process.exit', 'process.exit(0);', false],
    [
      'throws in a callback',
      "addon.watch(ready, () => { throw new Error('end'); }); setInterval(() => {}, 1000);",
      false,
    ],
    ['is terminated while callbacks run', 'addon.watch(ready, () => {}); setInterval(() => {}, 1000);', true],
    ['is terminated in a callback', 'addon.watch(ready, () => { for (;;); }); setInterval(() => {}, 1000);', true],
    ['has just ended it', 'addon.unwatch(token);', false],
  ])('is gone when its worker %s', async (_, end, terminate) => {
    const before = openDescriptors();
    const descriptors = [native.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), native.eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)];
    const code = `const [quiet, ready] = workerData;
      const token = addon.watch(quiet, () => {});
      addon.keepWatchAlive(addon.watch(quiet, () => {}), true);
      addon.keepWatchAlive(token, true);
      setTimeout(() => { parentPort.postMessage('watching'); ${end} }, 0);
      ${terminate ? '' : 'setTimeout(() => process.exit(), 50);'}`;
    const worker = startWorker(code, descriptors);
    const gone = workerEnd(worker);
    await new Promise((watching) => worker.once('message', watching));
    if (terminate) await worker.terminate();
    await gone;
    for (const descriptor of descriptors) native.close(descriptor);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('of what cannot be polled is an error that names it', () => {
    const memory = native.memfdCreate('ixy-watch', native.constants.MFD_CLOEXEC);
    onTestFinished(() => native.close(memory));
    expect(() => native.watch(memory, () => {})).toThrow(
      expect.objectContaining({ code: 'EPERM', syscall: 'uv_poll_init', path: expect.stringContaining('ixy-watch') }),
    );
    expect(() => native.watch(2 ** 30, () => {})).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('checks what it is given', () => {
    const token = native.watch(counter(), () => {});
    expect(() => native.watch(-1, () => {})).toThrow(RangeError);
    expect(() => native.watch(0, undefined as never)).toThrow(TypeError);
    expect(() => native.keepWatchAlive(token, 1 as never)).toThrow(TypeError);
    for (const wrong of [0, -1, 0.5, token + 1, Number.NaN]) {
      expect(() => native.unwatch(wrong)).toThrow(RangeError);
      expect(() => native.keepWatchAlive(wrong, true)).toThrow(RangeError);
    }
    native.unwatch(token);
    expect(() => native.unwatch(token)).toThrow(RangeError);
  });
});
