import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { startWorker, workerEnd } from '../support/process.ts';

const native = addon();

describe('CPU affinity', () => {
  it('pins the calling thread, and no other', async () => {
    const all = native.getAffinity();
    onTestFinished(() => native.setAffinity(all));
    expect(all.length).toBeGreaterThan(0);
    expect(all).toEqual([...all].sort((a, b) => a - b));

    const last = all[all.length - 1];
    const worker = startWorker('addon.setAffinity([workerData]); parentPort.postMessage(addon.getAffinity());', last);
    const gone = workerEnd(worker);
    expect(await new Promise((message) => worker.once('message', message))).toEqual([last]);
    await gone;
    expect(native.getAffinity()).toEqual(all);
  });

  it('no CPU at all, or one that the machine lacks, is an error', () => {
    const refused = expect.objectContaining({ code: 'EINVAL', syscall: 'sched_setaffinity' });
    expect(() => native.setAffinity([])).toThrow(refused);
    expect(() => native.setAffinity([1023])).toThrow(refused);
  });
});
