/** What happens at the card's registers and interrupts while a test does something, by model time. */
import type { Register } from '../../../src/datasheet/registers.ts';
import type { Bench } from './bench.ts';

const REGISTERS = 0;

/** The model times, in nanoseconds, at which the driver read or wrote a register while `body` ran. */
export async function accessesOf(
  { nic }: Bench,
  register: Register,
  kind: 'read' | 'write',
  body: () => Promise<unknown>,
): Promise<number[]> {
  const { regions, model } = nic().device;
  const { onAccess } = regions;
  const times: number[] = [];
  regions.onAccess = (write, region, offset, bytes, value) => {
    if (region === REGISTERS && offset === register.offset && write === (kind === 'write')) times.push(model.now);
    onAccess(write, region, offset, bytes, value);
  };
  try {
    await body();
  } finally {
    regions.onAccess = onAccess;
  }
  return times;
}

/** The model times, in nanoseconds, at which a vector fired while `body` ran. */
export async function interruptsOf({ nic }: Bench, vector: number, body: () => Promise<unknown>): Promise<number[]> {
  const { interrupts, model } = nic().device;
  const { onInterrupt } = interrupts;
  const times: number[] = [];
  interrupts.onInterrupt = (fired) => {
    if (fired === vector) times.push(model.now);
    onInterrupt(fired);
  };
  try {
    await body();
  } finally {
    interrupts.onInterrupt = onInterrupt;
  }
  return times;
}
