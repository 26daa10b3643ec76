import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { addon } from '../../../src/native/addon.ts';
import type { Interrupt, PciDevice } from '../../../src/pci/pci-device.ts';
import { FakeVfio } from '../../support/fake-vfio.ts';
import { openDescriptors } from '../../support/process.ts';
import { bytes, open } from '../../support/vfio-machine.ts';

describe('interrupts', () => {
  function enable(
    vectors: number[],
    count: number,
  ): { vfio: FakeVfio; device: PciDevice; lines: readonly Interrupt[] } {
    const vfio = new FakeVfio('12');
    vfio.vectors = vectors;
    const device = open(vfio);
    return { vfio, device, lines: device.interrupts?.enable(count) ?? [] };
  }

  /** What the kernel does: adds 1 to the eventfd of a vector. */
  function fire(vfio: FakeVfio, vector: number): void {
    const [set] = vfio.arguments('DEVICE_SET_IRQS') as Uint8Array[];
    const descriptor = new DataView(set.buffer).getInt32(20 + 4 * vector, true);
    addon().write(descriptor, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]), 0, 8);
  }

  it.each([
    [[1, 1, 64], 'msix', 2, 64],
    [[1, 8, 0], 'msi', 1, 8],
    [[1, 0, 0], 'intx', 0, 1],
  ] as const)('of %j vectors are %s', (vectors, kind, index, maximum) => {
    const { vfio, device } = enable([...vectors], 1);
    expect(device.interrupts).toMatchObject({ kind, maximum });
    const [set] = vfio.arguments('DEVICE_SET_IRQS') as Uint8Array[];
    expect(set.subarray(0, 20)).toEqual(bytes([24, 4 | 32, index, 0, 1]));
    device.interrupts?.disable();
    expect(vfio.arguments('DEVICE_SET_IRQS')[1]).toEqual(bytes([20, 1 | 32, index, 0, 0]));
  });

  it('a device may have none', () => {
    const { device } = enable([0, 0, 0], 1);
    expect(device.interrupts).toBeUndefined();
  });

  it('end a blocking wait, each its own', () => {
    const { vfio, lines } = enable([1, 1, 64], 3);
    expect(lines.map((line) => line.wait(0))).toEqual([false, false, false]);
    fire(vfio, 1);
    fire(vfio, 1);
    expect(lines.map((line) => line.wait(1))).toEqual([false, true, false]);
    expect(lines[1].wait(0)).toBe(false);
    fire(vfio, 2);
    expect(lines[2].wait(-1)).toBe(true);
  });

  it('call back from the event loop, once for all that came since', async () => {
    const { vfio, lines } = enable([1, 1, 64], 1);
    let calls = 0;
    fire(vfio, 0);
    lines[0].handle(() => calls++);
    fire(vfio, 0);
    while (calls === 0) await setImmediate();
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    expect(calls).toBe(1);
    lines[0].handle(undefined);
    fire(vfio, 0);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    expect(calls).toBe(1);
    expect(lines[0].wait(0)).toBe(true);
  });

  it('on a line are unmasked on request', () => {
    const { vfio, lines } = enable([1, 0, 0], 1);
    lines[0].unmask();
    expect(vfio.arguments('DEVICE_SET_IRQS')[1]).toEqual(bytes([20, 1 | 16, 0, 0, 1]));
  });

  it('by messages need no unmasking', () => {
    const { vfio, lines } = enable([1, 1, 4], 1);
    lines[0].unmask();
    expect(vfio.arguments('DEVICE_SET_IRQS')).toHaveLength(1);
  });

  it('are enabled once, and within what there are', () => {
    const { device } = enable([1, 1, 4], 4);
    const bad = expect.objectContaining({ code: 'ERR_ARGUMENT' });
    expect(() => device.interrupts?.enable(1)).toThrow(bad);
    device.interrupts?.disable();
    for (const count of [0, 5, 1.5]) expect(() => device.interrupts?.enable(count)).toThrow(bad);
  });

  it('that the kernel has not got leave nothing behind', () => {
    const vfio = new FakeVfio('12');
    const device = open(vfio);
    const before = openDescriptors();
    vfio.failures.set('DEVICE_SET_IRQS', 'ENOSPC');
    expect(() => device.interrupts?.enable(8)).toThrow(/no 8 interrupts to be had: ENOSPC/);
    expect(openDescriptors()).toBe(before);
  });
});
