/** However a program ends, the device that it leaves behind does no more DMA: seen from outside, on a real kernel. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_PATHS, type AccessPath, bindFor, restore } from '../harness/binding.ts';
import { deviceProgram } from '../harness/device-program.ts';
import { built, type Guest } from '../harness/guest.ts';
import { nicAddress } from '../harness/nics.ts';
import { LEFT } from '../machines.ts';

const ADDRESS = nicAddress(LEFT);
const BUS_MASTER = 4;

const ARM = `const device = open('${ADDRESS}'); device.setBusMaster(true);`;
/** Says that DMA is on, and goes on with what follows when told so by SIGUSR2. */
const WHEN_TOLD = `
  const alive = setInterval(() => {}, 1000);
  const told = new Promise((resolve) => process.on('SIGUSR2', resolve));
  console.log('armed');
  await told;
  clearInterval(alive);`;
const FOR_EVER = `console.log('armed'); setInterval(() => {}, 1000);`;

/** Ways that a program may end by itself, and its exit status. */
const ENDS = {
  'the end of the program': ['', 0],
  'process.exit': ['process.exit(5);', 5],
  'an uncaught exception': [`setTimeout(() => { throw new Error('oops'); });`, 1],
  'an unhandled rejection': [`Promise.reject(new Error('oops'));`, 1],
} as const;

async function isMaster(guest: Guest): Promise<boolean> {
  return (Number.parseInt(await guest.output(`setpci -s ${ADDRESS} COMMAND`), 16) & BUS_MASTER) !== 0;
}

/** Runs a program until its device is armed, signals it, and resolves to its exit status. */
async function armAndSignal(guest: Guest, program: string, signal: string): Promise<number> {
  const running = guest.startScript(program);
  await running.printed('armed');
  expect(await isMaster(guest)).toBe(true);
  running.kill(signal);
  return (await running.ended).status;
}

function testCodes(guest: () => Guest, path: AccessPath, ends: readonly (keyof typeof ENDS)[]): void {
  it.each(ends)('is off after %s', async (end) => {
    const [code, status] = ENDS[end];
    expect(await armAndSignal(guest(), deviceProgram(path, ARM + WHEN_TOLD + code), 'USR2')).toBe(status);
    expect(await isMaster(guest())).toBe(false);
  });
}

function testSignals(guest: () => Guest, path: AccessPath): void {
  // What a driver adds, for the signals that a process can handle.
  const closeOnExit = `(await import(${built('drivers/lifecycle.js')})).closeOnExit(device);`;
  it.each([
    ['TERM', 15],
    ['INT', 2],
    ['HUP', 1],
  ])('is off after kill -%s', async (signal, number) => {
    expect(await armAndSignal(guest(), deviceProgram(path, ARM + closeOnExit + FOR_EVER), signal)).toBe(128 + number);
    expect(await isMaster(guest())).toBe(false);
  });
}

function testWorker(guest: () => Guest, path: AccessPath): void {
  it('is off once its worker is terminated, while the process lives on', async () => {
    const source = `(async () => {
      const { openPciDevice } = await import(${built('pci/open-pci-device.js')});
      const device = openPciDevice('${ADDRESS}', { unsafeNoIommu: ${path.machine.noIommuMode ?? false} });
      device.setBusMaster(true);
      require('node:worker_threads').parentPort.postMessage('armed');
      setInterval(() => {}, 1000);
    })();`;
    const program = `
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(${JSON.stringify(source)}, { eval: true });
      await new Promise((resolve) => worker.once('message', resolve));
      ${WHEN_TOLD}
      await worker.terminate();
      console.log('terminated');
      setInterval(() => {}, 1000);`;
    const running = guest().startScript(program);
    await running.printed('armed');
    expect(await isMaster(guest())).toBe(true);
    running.kill('USR2');
    await running.printed('terminated');
    expect(await isMaster(guest())).toBe(false);
    running.kill('KILL');
    await running.ended;
  });
}

function testKill(guest: () => Guest, path: AccessPath): void {
  const kill = () => armAndSignal(guest(), deviceProgram(path, ARM + FOR_EVER), 'KILL');
  if (path.survivesKill) {
    it('is off after kill -9, and can be used again', async () => {
      expect(await kill()).toBe(128 + 9);
      expect(await isMaster(guest())).toBe(false);
      expect(await guest().script(deviceProgram(path, `${ARM} print(isMaster('${ADDRESS}')); device.close();`))).toBe(
        true,
      );
    });
  } else {
    it('stays on after kill -9, which nothing can prevent, until it is opened and closed again', async () => {
      expect(await kill()).toBe(128 + 9);
      expect(await isMaster(guest())).toBe(true);
      await guest().output(
        `exec node --input-type=module <<'END'\n${deviceProgram(path, `open('${ADDRESS}').close();`)}\nEND`,
      );
      expect(await isMaster(guest())).toBe(false);
    });
  }
}

export function testEnds(guest: () => Guest, path: AccessPath): void {
  describe('a device whose program has ended', () => {
    beforeAll(() => bindFor(guest(), path, ADDRESS));
    // Whatever a failed test left behind.
    afterEach(() => guest().output(`setpci -s ${ADDRESS} COMMAND=0:${BUS_MASTER}`));
    afterAll(() => restore(guest(), ADDRESS));

    // By the other ways, the kernel itself looks after a device whose file is closed.
    if (path === ACCESS_PATHS.sysfs) {
      testCodes(guest, path, [
        'the end of the program',
        'process.exit',
        'an uncaught exception',
        'an unhandled rejection',
      ]);
      testSignals(guest, path);
    } else {
      testCodes(guest, path, ['an uncaught exception']);
    }
    testWorker(guest, path);
    testKill(guest, path);
  });
}
