import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { EmulatedPciDevice, EmulationThread, ThreadedPciDevice } from '../../src/emulation/index.ts';
import type { Interrupt, PciDevice } from '../../src/pci/pci-device.ts';
import { openDescriptors } from '../support/process.ts';

const VECTORS = 3;

/** Has the device interrupt with vector n whenever bit n of EICS is written. */
function enable(device: PciDevice, vectors = VECTORS): readonly Interrupt[] {
  onTestFinished(() => device.close());
  device.setBusMaster(true);
  const lines = device.interrupts?.enable(vectors) ?? [];
  device.bar(0).write32(ixgbe.GPIE.offset, ixgbe.GPIE.bits.MULTIPLE_MSIX.mask);
  device.bar(0).write32(ixgbe.EIAC.offset, 0xffff);
  device.bar(0).write32(ixgbe.EIMS.offset, 0xffff);
  return lines;
}

function raise(device: PciDevice, vector: number): void {
  device.bar(0).write32(ixgbe.EICS.offset, 1 << vector);
}

const threaded = () => new ThreadedPciDevice({ thread: new EmulationThread('interrupts') });

describe.each([
  ['on the caller’s thread', () => new EmulatedPciDevice()],
  ['on a thread of its own', threaded],
] as const)('interrupts of an emulated device %s', (_, open) => {
  it('end a wait, each its own', () => {
    const device = open();
    const lines = enable(device);
    expect(lines.map((line) => line.wait(0))).toEqual([false, false, false]);
    raise(device, 1);
    expect(lines[1].wait(10_000)).toBe(true);
    expect(lines.map((line) => line.wait(1))).toEqual([false, false, false]);
    raise(device, 2);
    expect(lines[2].wait(-1)).toBe(true);
  });

  it('call a handler, also for what came before it', async () => {
    const device = open();
    const lines = enable(device);
    raise(device, 0);
    if (device instanceof EmulatedPciDevice) device.step();
    let calls = 0;
    lines[0].keepAlive(true);
    lines[0].handle(() => calls++);
    while (calls < 1) await setImmediate();
    raise(device, 0);
    if (device instanceof EmulatedPciDevice) device.step();
    while (calls < 2) await setImmediate();
    lines[0].handle(undefined);
  });

  it('are enabled together and once, and end with the device', () => {
    const before = openDescriptors();
    const device = open();
    enable(device);
    const bad = expect.objectContaining({ code: 'ERR_ARGUMENT' });
    expect(() => device.interrupts?.enable(1)).toThrow(bad);
    device.interrupts?.disable();
    for (const count of [0, 65, 1.5]) expect(() => device.interrupts?.enable(count)).toThrow(bad);
    device.interrupts?.enable(64);
    device.close();
    device.interrupts?.disable();
    if (device instanceof EmulatedPciDevice) expect(openDescriptors()).toBe(before);
  });

  it('do not come from vectors that are not enabled', () => {
    const device = open();
    const [line] = enable(device, 1);
    raise(device, 1);
    raise(device, 0);
    expect(line.wait(10_000)).toBe(true);
    expect(line.wait(1)).toBe(false);
  });
});

it('interrupts of a device that was pulled out can still be given back', () => {
  const device = threaded();
  const lines = enable(device);
  const before = openDescriptors();
  device.injectFault({ kind: 'removal' });
  device.close();
  expect(openDescriptors()).toBeLessThanOrEqual(before - lines.length);
});
