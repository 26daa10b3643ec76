/** However a program ends, the device that it leaves behind does no more DMA: seen from outside, on a real kernel. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ACCESS_PATHS, bindFor } from './harness/binding.ts';
import { describeGuest } from './harness/describe-guest.ts';
import { built, type Guest } from './harness/guest.ts';
import { type Nic, nicAddress } from './harness/nics.ts';

const NIC: Nic = { model: 'e1000e', slot: 4 };
const ADDRESS = nicAddress(NIC);
const BUS_MASTER = 4;

/** Opens the device and lets it do DMA; CommonJS would do, too, so that it can be a worker's source. */
const OPEN = `
  const { openPciDevice } = await import(${built('pci/open-pci-device.js')});
  const device = openPciDevice('${ADDRESS}');
  device.setBusMaster(true);
`;
/** What a driver adds for the signals that Node can handle. */
const CLOSE_ON_EXIT = `
  const { closeOnExit } = await import(${built('drivers/lifecycle.js')});
  closeOnExit(device);
`;
/** Says that DMA is on, and goes on when told to. */
const SIGNAL_GOES_ON = `
  const go = new Promise((resolve) => process.on('SIGUSR2', resolve));
  console.log('armed');
  const alive = setInterval(() => {}, 1000);
  await go;
  clearInterval(alive);
`;
const WORKER = `
  import { Worker } from 'node:worker_threads';
  const source = ${JSON.stringify(`(async () => { ${OPEN} require('node:worker_threads').parentPort.postMessage('open'); })();`)};
  const worker = new Worker(source + 'setInterval(() => {}, 1000);', { eval: true });
  await new Promise((resolve) => worker.once('message', resolve));
`;

async function isMaster(guest: Guest): Promise<boolean> {
  return (Number.parseInt(await guest.output(`setpci -s ${ADDRESS} COMMAND`), 16) & BUS_MASTER) !== 0;
}

/** Runs a program until it has armed the device, sends the signal, and waits for its end. */
async function armAndSignal(guest: Guest, source: string, signal: string): Promise<number> {
  const program = guest.startScript(source);
  await program.printed('armed');
  expect(await isMaster(guest)).toBe(true);
  program.kill(signal);
  return (await program.ended).status;
}

describeGuest('a device whose program has ended', { nics: [NIC] }, (guest) => {
  beforeEach(() => bindFor(guest(), ACCESS_PATHS.sysfs, ADDRESS));
  afterEach(() => guest().output(`setpci -s ${ADDRESS} COMMAND=0:${BUS_MASTER}`));

  it.each([
    ['the end of the program', '', 0],
    ['process.exit', 'process.exit(5);', 5],
    ['an uncaught exception', `setTimeout(() => { throw new Error('oops'); });`, 1],
    ['an unhandled rejection', `Promise.reject(new Error('oops'));`, 1],
  ])('is off after %s', async (_what, end, status) => {
    expect(await armAndSignal(guest(), OPEN + SIGNAL_GOES_ON + end, 'USR2')).toBe(status);
    expect(await isMaster(guest())).toBe(false);
  });

  it.each([
    ['TERM', 15],
    ['INT', 2],
    ['HUP', 1],
  ])('is off after kill -%s', async (signal, number) => {
    const source = `${OPEN}${CLOSE_ON_EXIT} console.log('armed'); setInterval(() => {}, 1000);`;
    expect(await armAndSignal(guest(), source, signal)).toBe(128 + number);
    expect(await isMaster(guest())).toBe(false);
  });

  it('is off once its worker is terminated, while the process lives on', async () => {
    const program = guest().startScript(
      `${WORKER}${SIGNAL_GOES_ON} await worker.terminate(); console.log('terminated'); setInterval(() => {}, 1000);`,
    );
    await program.printed('armed');
    expect(await isMaster(guest())).toBe(true);
    program.kill('USR2');
    await program.printed('terminated');
    expect(await isMaster(guest())).toBe(false);
    program.kill('KILL');
    await program.ended;
  });

  it('stays on after kill -9 (nothing in sysfs could prevent that), until it is opened and closed again', async () => {
    expect(await armAndSignal(guest(), OPEN + SIGNAL_GOES_ON, 'KILL')).toBe(128 + 9);
    expect(await isMaster(guest())).toBe(true);
    await guest().output(`node -e "(async () => { ${OPEN.replaceAll('"', "'")} device.close(); })()"`);
    expect(await isMaster(guest())).toBe(false);
  });
});
