import { closeSync, ftruncateSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import {
  addonPath,
  openDescriptors,
  runProcess,
  startWorker,
  temporaryDirectory,
  workerEnd,
} from '../support/process.ts';

const native = addon();

function scratchFile(): string {
  const path = join(temporaryDirectory(), 'config');
  writeFileSync(path, 'dma is on');
  return path;
}

/** Arms a write of 'off' over 'on', on a descriptor that is closed right away. */
const arm = `const descriptor = fs.openSync(path, 'r+');
  const token = addon.armCleanupWrite(descriptor, 7, Buffer.from('off'));
  fs.closeSync(descriptor);`;

describe('a descriptor', () => {
  const make = `const made = [addon.eventfd(0, 0), addon.epollCreate(), addon.memfdCreate('ixy-left', 0)];`;

  it.each([
    ['runs out of work', '', false],
    ['throws', 'throw new Error("end");', false],
    ['is terminated', 'for (;;);', true],
  ])('is closed when the worker that made it %s', async (_, end, terminate) => {
    const before = openDescriptors();
    const worker = startWorker(`${make} parentPort.postMessage('made'); ${end}`, undefined);
    const gone = workerEnd(worker);
    await new Promise((made) => worker.once('message', made));
    if (terminate) await worker.terminate();
    await gone;
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('that its worker has closed is not closed again: the number is somebody else’s', async () => {
    const code = `${make} made.forEach((descriptor) => addon.close(descriptor));
      parentPort.once('message', () => {});
      parentPort.postMessage(made);`;
    const worker = startWorker(code, undefined);
    const gone = workerEnd(worker);
    const closed = await new Promise<number[]>((message) => worker.once('message', message));
    const reused = closed.map(() => openSync(scratchFile(), 'r'));
    onTestFinished(() => {
      for (const descriptor of reused) closeSync(descriptor);
    });
    expect(reused.some((descriptor) => closed.includes(descriptor))).toBe(true);
    worker.postMessage('end');
    await gone;
    for (const descriptor of reused) expect(readFileSync(descriptor, 'utf8')).toBe('dma is on');
  });
});

describe('a cleanup write', () => {
  it.each([
    ['runs out of work', '', false],
    ['calls process.exit', 'process.exit(0);', false],
    ['throws', 'throw new Error("end");', false],
    ['is terminated', 'for (;;);', true],
  ])('is carried out when its worker %s', async (_, end, terminate) => {
    const path = scratchFile();
    const before = openDescriptors();
    const worker = startWorker(`const path = workerData; ${arm} parentPort.postMessage('armed'); ${end}`, path);
    const gone = workerEnd(worker);
    await new Promise((armed) => worker.once('message', armed));
    if (terminate) await worker.terminate();
    await gone;
    expect(readFileSync(path, 'utf8')).toBe('dma is off');
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it.each([
    ['runs out of work', '', 0],
    ['calls process.exit', 'process.exit(3);', 3],
    ['throws', 'throw new Error("end");', 1],
    ['rejects', 'Promise.reject(new Error("end"));', 1],
  ])('is carried out when its process %s', async (_, end, status) => {
    const path = scratchFile();
    const ended = await runProcess(`const path = process.argv[1]; ${arm} ${end}`, path);
    expect(ended.status).toBe(status);
    expect(readFileSync(path, 'utf8')).toBe('dma is off');
  });

  it('is carried out for workers too when the process exits', async () => {
    const path = scratchFile();
    const code = `const { Worker } = require('node:worker_threads');
      const code = \`const fs = require('node:fs');
        const addon = require(process.argv[2]);
        const path = process.argv[3];
        ${arm}
        require('node:worker_threads').parentPort.postMessage(0);
        setInterval(() => {}, 1000);\`;
      new Worker(code, { eval: true, argv: [require.resolve(process.argv[2]), process.argv[1]] })
        .on('message', () => process.exit(0));`;
    const ended = await runProcess(code, path, addonPath);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(path, 'utf8')).toBe('dma is off');
  });

  it('is forgotten once disarmed, and cannot be disarmed twice', async () => {
    const path = scratchFile();
    const code = `const path = workerData; ${arm}
      addon.disarmCleanupWrite(token);
      try { addon.disarmCleanupWrite(token); } catch (error) { parentPort.postMessage(error.name); }`;
    const worker = startWorker(code, path);
    const gone = workerEnd(worker);
    expect(await new Promise((message) => worker.once('message', message))).toBe('RangeError');
    await gone;
    expect(readFileSync(path, 'utf8')).toBe('dma is on');
  });

  it('cannot be disarmed by another environment', async () => {
    const path = scratchFile();
    const descriptor = openSync(path, 'r+');
    onTestFinished(() => closeSync(descriptor));
    const token = native.armCleanupWrite(descriptor, 0, Buffer.from('x'));
    const worker = startWorker(
      'try { addon.disarmCleanupWrite(workerData); } catch (error) { parentPort.postMessage(error.name); }',
      token,
    );
    const gone = workerEnd(worker);
    expect(await new Promise((message) => worker.once('message', message))).toBe('RangeError');
    await gone;
    native.disarmCleanupWrite(token);
    expect(readFileSync(path, 'utf8')).toBe('dma is on');
  });

  it('comes before the mappings go, even those that were collected as garbage', async () => {
    const { MFD_CLOEXEC, MAP_SHARED } = native.constants;
    const memory = native.memfdCreate('ixy-order', MFD_CLOEXEC);
    onTestFinished(() => native.close(memory));
    ftruncateSync(memory, 8192);
    // A write through /proc/self/mem arrives in the file only if the mapping is still there.
    const code = `const mappings = [0, 4096].map((offset) => addon.mmap(workerData, 4096, offset, ${MAP_SHARED}));
      const mem = fs.openSync('/proc/self/mem', 'r+');
      for (const mapping of mappings) addon.armCleanupWrite(mem, addon.addressOf(new Uint8Array(mapping)), Buffer.from('late'));
      fs.closeSync(mem);
      globalThis.kept = mappings[0];`;
    expect(await workerEnd(startWorker(code, memory))).toBe(0);
    for (const offset of [0, 4096]) {
      const back = Buffer.alloc(4);
      readSync(memory, back, 0, 4, offset);
      expect(back.toString()).toBe('late');
    }
  });

  it('that fails does not keep the next from being carried out', async () => {
    const path = scratchFile();
    const code = `const path = process.argv[1];
      addon.armCleanupWrite(fs.openSync('/dev/full', 'w'), 0, Buffer.from('x'));
      addon.armCleanupWrite(fs.openSync(path, 'r'), 0, Buffer.from('x'));
      ${arm}`;
    expect((await runProcess(code, path)).status).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('dma is off');
  });
});
