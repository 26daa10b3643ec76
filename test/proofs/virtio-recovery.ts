/** After a fault of a virtio-net device: its driver closes, and opens it again. */
import { expect } from 'vitest';
import { expectFrames, frame } from './lab.ts';
import type { VirtioLab } from './virtio-lab.ts';

/** Milliseconds of model time that `close` may take: 20 for what is on its way, 100 for the reset, and a look each. */
const LONGEST_CLOSE = 122;
/** Numbered frames of 60 bytes. */
export const frames = (count: number, first = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => frame(first + i, 60));

/** Closes in time, with everything given back, and nothing accessed that is not the driver's. */
export function expectClose(lab: VirtioLab): void {
  const { clock } = lab.device;
  const begin = clock.now();
  lab.close();
  expect(clock.now() - begin).toBeLessThanOrEqual(LONGEST_CLOSE);
  expect(lab.device.model.dmaFaults).toBe(0);
}

/** The fault is over: the driver opens the device as it is, and frames go both ways. */
export async function expectReopening(lab: VirtioLab): Promise<void> {
  lab.device.model.faults.clear();
  while (lab.wire.pending > 0) lab.wire.poll({ deliver: () => true }, 64, 0);
  lab.sent.length = 0;
  await lab.open();
  const some = frames(40);
  for (const each of some) lab.wire.send(each);
  expectFrames(lab.receive(), some);
  expect(lab.send(some)).toBe(some.length);
  lab.settle();
  expectFrames(lab.sent, some);
  expectClose(lab);
}
