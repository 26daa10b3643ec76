/**
 * However a process or a worker ends while packets move: its NICs' queues and bus mastering are off before any memory is
 * taken from them, and nothing keeps it from ending. Real processes, on the built package; the device itself is asked.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const library = resolve('dist/index.js');
if (!existsSync(library)) throw new Error(`${library} is missing; run: npm run build`);

/** How to open each NIC, and how to ask the device whether its queues run: each expression reads a register. */
const MODELS = {
  ixgbe: {
    open: 'ixy.openIxgbe',
    rx: '(device.bar(0).read32(0x1028) >>> 25) & 1', // RXDCTL
    tx: '(device.bar(0).read32(0x6028) >>> 25) & 1', // TXDCTL
  },
  virtio: {
    open: 'ixy.openVirtio',
    rx: 'device.bar(4).read8(0x14)', // device_status
    tx: 'device.bar(4).read8(0x14)',
  },
} as const;

type Model = keyof typeof MODELS;

/** A NIC that forwards what the generator on its wire sends; says 'ready', and what the device is like at each unmap. */
function forwarder(model: Model, threaded: boolean, end: string): string {
  const { open, rx, tx } = MODELS[model];
  return `(async () => {
    const { writeSync } = require('node:fs');
    const say = (what) => writeSync(1, JSON.stringify(what) + '\\n');
    const ixy = await import(${JSON.stringify(library)});
    const COMMAND = 4;
    let device;
    class WatchedDomain extends ixy.EmulatedDomain {
      unmap(memory) {
        const master = (device.config.read16(COMMAND) >>> 2) & 1;
        const { violations } = ${threaded ? 'device.inspect()' : 'device.model'};
        say({ rx: ${rx}, tx: ${tx}, master, violations });
        super.unmap(memory);
      }
    }
    const domain = new WatchedDomain();
    const wire = { kind: 'generator', check: false, flowControl: true };
    device = ${
      threaded
        ? `new ixy.ThreadedPciDevice({ model: '${model}', strict: true, wire, thread: new ixy.EmulationThread('nic', domain) })`
        : `new ixy.EmulatedPciDevice({ model: '${model}', domain, wire: ixy.createWire(wire, new ixy.CableRegistry()) })`
    };
    const nic = await ${open}(device, { allocateMemory: ixy.allocatePlainMemory, promiscuous: true });
    await nic.waitForLink();
    const batch = new ixy.PacketBatch(32);
    let packets = 0;
    await ixy.poll(() => {
      ${threaded ? '' : 'device.step();'}
      const received = nic.rx[0].receive(batch);
      nic.tx[0].transmit(batch);
      batch.free();
      packets += received;
      if (packets > 20000 && packets - received <= 20000) {
        say('ready');
        ${end}
      }
      return received;
    });
  })();`;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: unknown[];
}

/** Runs a program to its end; `signal` is sent once it is ready. One that does not end is killed. */
function run(program: string, signal?: NodeJS.Signals): Promise<Ended> {
  const child = spawn(process.execPath, ['--eval', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 25_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const ready = output.includes('ready');
    output += text;
    if (signal && !ready && output.includes('ready')) child.kill(signal);
  });
  return new Promise((done) => {
    child.on('close', (code, endSignal) => {
      const lines = output.split('\n').filter((line) => line !== '');
      done({ code, signal: endSignal, lines: lines.map((line) => JSON.parse(line)) });
    });
  });
}

/** The device has stopped: once for its rings, once for the packets. */
const STOPPED = { rx: 0, tx: 0, master: 0, violations: [] };
const READY_THEN_STOPPED = ['ready', STOPPED, STOPPED];

describe.each([
  ['ixgbe', false],
  ['ixgbe', true],
  ['virtio', false],
  ['virtio', true],
] as const)('%s under traffic (NIC on a thread of its own: %s)', (model, threaded) => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', async (signal) => {
    const ended = await run(forwarder(model, threaded, ''), signal);
    expect(ended).toEqual({ code: null, signal, lines: READY_THEN_STOPPED });
  });

  test.each([
    ['process.exit', 'process.exit(5);', 5],
    ['an exception in the packet loop', `throw new Error('oops');`, 1],
    ['an uncaught exception', `setImmediate(() => { throw new Error('oops'); });`, 1],
  ])('%s', async (_what, end, code) => {
    expect(await run(forwarder(model, threaded, end))).toEqual({ code, signal: null, lines: READY_THEN_STOPPED });
  });

  test.each([
    ['process.exit in a worker', 'process.exit(5);', 5, READY_THEN_STOPPED],
    ['an exception in a worker', `throw new Error('oops');`, 1, READY_THEN_STOPPED],
    // No JavaScript runs then; the emulated device is gone with its memory.
    ['the end of a worker by terminate()', `require('node:worker_threads').parentPort.postMessage('');`, 1, ['ready']],
  ])('%s', async (_what, end, code, lines) => {
    const ended = await run(inWorker(forwarder(model, threaded, end)));
    expect(ended).toEqual({ code: 0, signal: null, lines: [...lines, { code, left: 0 }] });
  });
});

/** Runs the program in a worker, which is terminated at its first message; says how it ended, and what threads are left. */
function inWorker(program: string): string {
  return `(async () => {
    const { promises, readdirSync, writeSync } = require('node:fs');
    const { Worker } = require('node:worker_threads');
    const { setTimeout } = require('node:timers/promises');
    const threads = () => readdirSync('/proc/self/task').length;
    await promises.stat('/'); // Node's own pool of threads is there from its first use on
    const before = threads();
    const worker = new Worker(${JSON.stringify(program)}, { eval: true });
    worker.on('error', () => {});
    worker.on('message', () => worker.terminate());
    const code = await new Promise((done) => worker.on('exit', done));
    for (let look = 0; look < 200 && threads() > before; look++) await setTimeout(10);
    writeSync(1, JSON.stringify({ code, left: threads() - before }) + '\\n');
  })();`;
}
