/** Without moderation, the card interrupts the moment that a frame has come, again and again. */
import { expect, it } from 'vitest';
import { type Bench, type Check, change, INTERFACE } from '../harness/bench.ts';
import { frameForGuest } from '../harness/flows.ts';
import { arrive } from '../harness/queues.ts';
import { interruptsOf } from '../harness/watching.ts';

/** Frames without an IP packet go to queue 0. */
const VECTOR = 0;
const FRAMES = 4;
/** Interrupts that a test takes for moderated; the driver's usual choice, by what it sees. */
const [OFF, BY_ITSELF] = [0, 1];

export function testInterrupts(bench: Bench): void {
  it('interrupts at once, if its driver wants that', () => interruptsAtOnce(bench));
}

export const interruptsAtOnce: Check = async (bench) => {
  const { wire } = bench.nic();
  await change(bench, `ethtool -C ${INTERFACE} rx-usecs ${OFF}`);
  let late = 0;
  for (let i = 0; i < FRAMES; i++) {
    wire.forget();
    const times = await interruptsOf(bench, VECTOR, () => arrive(bench, [{ frame: frameForGuest({}) }]));
    if (!times.includes(wire.takenAt[0])) late++;
    // A frame may come just when the driver, which has its vectors fire every two seconds, has masked this one.
    expect(late).toBeLessThanOrEqual(1);
  }
  await change(bench, `ethtool -C ${INTERFACE} rx-usecs ${BY_ITSELF}`);
};
