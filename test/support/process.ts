/** What this process holds, as the kernel sees it; and other threads and processes to hold things and die. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** Absolute path of the addon that `src/native/addon.ts` loads. */
export const addonPath = resolve(process.env.IXY_ADDON ?? 'build/Release/ixy.node');

/** Open descriptors of this process. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Mappings in this process of files whose path contains `name`. */
export function mappingsOf(name: string): number {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  return maps.split('\n').filter((line) => line.includes(name)).length;
}

/** An empty directory that is removed when the test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ixy-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts JavaScript (CommonJS) in a worker thread; `addon` is in scope there, and `data` as `workerData`. */
export function startWorker(code: string, data: unknown): Worker {
  const prelude = `const { parentPort, workerData } = require('node:worker_threads');
    const fs = require('node:fs');
    const addon = require(${JSON.stringify(addonPath)});`;
  return new Worker(prelude + code, { eval: true, workerData: data });
}

/** Resolves once the thread and its environment are gone; an uncaught exception in it is an end like any other. */
export function workerEnd(worker: Worker): Promise<number> {
  worker.on('error', () => {});
  return new Promise((done) => worker.on('exit', done));
}

interface ProcessEnd {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs JavaScript (CommonJS) in a process of its own, with `addon` in scope and `args` as `process.argv.slice(1)`. */
export function runProcess(code: string, ...args: string[]): Promise<ProcessEnd> {
  const prelude = `const fs = require('node:fs'); const addon = require(${JSON.stringify(addonPath)});`;
  return new Promise((done) => {
    execFile(process.execPath, ['-e', prelude + code, ...args], (error, stdout, stderr) => {
      done({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}
