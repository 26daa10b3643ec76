/** What lifecycle.test.ts simulates, with real processes and workers, on the built package. */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';

const lifecycle = new URL('../../dist/drivers/lifecycle.js', import.meta.url).href;
const open = `
  const { closeOnExit } = await import(${JSON.stringify(lifecycle)});
  closeOnExit({ close() { console.log('closed'); } });
`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs a script to its end; `signal` is sent once it has printed 'ready'. */
function run(script: string, signal?: NodeJS.Signals): Promise<Ended> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const ready = output.includes('ready');
    output += chunk;
    if (signal && !ready && output.includes('ready')) child.kill(signal);
  });
  return new Promise((resolve) => {
    child.on('close', (code, endSignal) => resolve({ code, signal: endSignal, output: output.replace('ready\n', '') }));
  });
}

const waiting = `console.log('ready'); setInterval(() => {}, 1000);`;

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s closes, then ends the process as ever', async (signal) => {
  expect(await run(open + waiting, signal)).toEqual({ code: null, signal, output: 'closed\n' });
});

test('an application with a handler of its own decides when to close', async () => {
  const handler = `process.on('SIGTERM', () => { console.log('mine'); process.exit(3); });`;
  expect(await run(open + handler + waiting, 'SIGTERM')).toEqual({ code: 3, signal: null, output: 'mine\nclosed\n' });
});

test.each([
  ['the end of the program', '', 0],
  ['process.exit', 'process.exit(5);', 5],
  ['an uncaught exception', `throw new Error('oops');`, 1],
  ['an unhandled rejection', `Promise.reject(new Error('oops')); setInterval(() => {}, 1000);`, 1],
])('%s closes', async (_what, end, code) => {
  expect(await run(open + end)).toEqual({ code, signal: null, output: 'closed\n' });
});

test.each([
  ['ends', ''],
  ['calls process.exit', 'process.exit();'],
  ['throws', `throw new Error('oops');`],
])('a worker that %s closes its own devices', async (_what, end) => {
  const worker = `
    import { Worker } from 'node:worker_threads';
    const source = ${JSON.stringify(`(async () => {${open}${end}})();`)};
    const worker = new Worker(source, { eval: true });
    worker.on('error', () => {});
    worker.on('exit', () => console.log('worker gone'));
  `;
  expect(await run(worker)).toEqual({ code: 0, signal: null, output: 'closed\nworker gone\n' });
});
