import { PassThrough } from 'node:stream';
import { expect, it, onTestFinished, vi } from 'vitest';
import { DESCRIPTOR_BYTES } from '../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { type Check, Report } from '../../src/demo/report.ts';
import { TwoPorts } from '../../src/demo/two-ports.ts';
import { EmulatedPciDevice } from '../../src/emulation/index.ts';

/** Two strict NICs on this thread, and the registers of the left one. */
async function openPorts() {
  const bar = vi.spyOn(EmulatedPciDevice.prototype, 'bar');
  onTestFinished(() => bar.mockRestore());
  const nic = { thread: '0', strict: '1' };
  const ports = await TwoPorts.open({ left: nic, right: nic });
  onTestFinished(() => ports.close());
  const [left] = bar.mock.results;
  return { ports, registers: left.value as ReturnType<EmulatedPciDevice['bar']> };
}

/** What the demo says of the rules. */
async function verdict(ports: TwoPorts): Promise<readonly Check[]> {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const report = new Report({ json: true, stream, signal: new AbortController().signal });
  return await report.stage('rules', 'Rules', async (stage) => {
    ports.checkRules(stage);
    return stage.checks;
  });
}

it('counts each rule that is broken, by its name, and the demo names it', async () => {
  const { ports, registers } = await openPorts();
  expect(ports.left.counters()).toMatchObject({ violations: 0 });
  expect(await verdict(ports)).toEqual([
    expect.objectContaining({ passed: true, text: 'no rule of the datasheet broken by the driver' }),
  ]);

  const ringSize = registers.read32(ixgbe.TDLEN.at(0)) / DESCRIPTOR_BYTES;
  for (const excess of [0, 1, 2]) registers.write32(ixgbe.TDT.at(0), ringSize + excess);
  registers.write32(ixgbe.TDH.at(0), 1);
  expect(ports.left.counters()).toMatchObject({
    violations: 2,
    'violations.tx.tail-beyond-ring': 3,
    'violations.register.read-only': 1,
  });
  expect(ports.right.counters()).toMatchObject({ violations: 0 });
  expect(await verdict(ports)).toEqual([
    expect.objectContaining({
      passed: false,
      text: 'rules (tx.tail-beyond-ring, register.read-only) of the datasheet broken by the driver',
    }),
  ]);
});
