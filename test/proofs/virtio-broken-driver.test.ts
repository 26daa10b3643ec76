/** The real virtio driver, made to do one thing wrong after the other: strict mode catches it each time, or frames do. */
import { describe, expect, test } from 'vitest';
import { IxyError } from '../../src/errors.ts';
import { frame } from './lab.ts';
import { MutantLab, VirtioMutant } from './virtio-mutant.ts';
import type { RingFormat, VirtioMutation } from './virtio-mutations.ts';
import { BUFFERS } from './virtio-mutations-rings.ts';
import { NOTIFICATIONS, SETUP } from './virtio-mutations-setup.ts';

const ROUNDS = 4;
const BURST = 20;

/** Frames each way; whether each of them arrived as it was sent. */
function traffic(lab: MutantLab): boolean {
  let intact = true;
  for (let round = 0; round < ROUNDS; round++) {
    const frames = Array.from({ length: BURST }, (_, i) => frame(round * BURST + i, 64));
    for (const each of frames) lab.wire.send(each);
    intact &&= Buffer.concat(lab.receive()).equals(Buffer.concat(frames));
    lab.send(frames);
    lab.settle();
    intact &&= Buffer.concat(lab.sent.splice(0)).equals(Buffer.concat(frames));
  }
  return intact;
}

/** Runs the mutated driver; what it then fails of, if it does, are errors of its own. Returns what it was caught by. */
async function caughtBy({ mutate, use }: Omit<VirtioMutation, 'what' | 'caught'>, ring: RingFormat): Promise<string[]> {
  let mutant: VirtioMutant | undefined;
  const lab: MutantLab = new MutantLab({
    ring,
    without: ['IN_ORDER'],
    wrap: (device) => {
      mutant = new VirtioMutant(device);
      mutate(mutant, lab);
      return mutant;
    },
  });
  let intact = true;
  try {
    await lab.open();
    intact = traffic(lab);
    if (mutant) use?.(lab, mutant);
    lab.nic.close();
  } catch (error) {
    if (!(error instanceof IxyError)) throw error;
  }
  return [...lab.violations.map(({ rule }) => rule), ...(intact ? [] : ['frames'])];
}

describe.each(['split', 'packed'] as const)('with %s rings', (ring) => {
  test('an unchanged driver is not accused', async () => {
    expect(await caughtBy({ mutate: () => {} }, ring)).toEqual([]);
  });

  const concerned = [...SETUP, ...NOTIFICATIONS, ...BUFFERS].filter(({ format = ring }) => format === ring);
  test.each(concerned)('a driver that $what: $caught', async (mutation) => {
    expect(await caughtBy(mutation, ring)).toContain(mutation.caught);
  });
});
