import { Random } from '../wires/random.ts';

/** Fills what a device may write with what no device writes; the same for the same seed. */
export function scribble(halves: Uint16Array, seed: number): void {
  const random = new Random(seed);
  for (let i = 0; i < halves.length; i++) halves[i] = random.below(0x1_0000);
}
