import { describe, expect, it, onTestFinished } from 'vitest';
import { type PollMode, poll } from '../../src/apps/index.ts';
import { PollLoop } from '../../src/apps/poll-loop.ts';
import { openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import type { RxInterrupt } from '../../src/drivers/net-device.ts';
import { EmulatedPciDevice } from '../../src/emulation/index.ts';
import { CallbackWire } from '../../src/emulation/wires/callback.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { HandInterrupt } from './hand-interrupt.ts';

const THROTTLE = 20;
const BURSTS = 500_000;
/** Of a loop, until it must have been interrupted: a thousand times more than it takes. */
const MOST_SLICES = 1_000_000;

/** The same numbers each time (xorshift). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A loop's clock that shows what `nanoseconds` returns. */
function clockOf(nanoseconds: () => number) {
  const time = new Float64Array(1);
  const readTime = () => {
    time[0] = nanoseconds();
  };
  return { time, readTime };
}

async function emulatedNic() {
  const wire = new CallbackWire();
  const device = new EmulatedPciDevice({ wire });
  const nic = await openIxgbe(device, {
    allocateMemory: allocatePlainMemory,
    promiscuous: true,
    interruptThrottle: THROTTLE,
  });
  onTestFinished(() => nic.close());
  await nic.waitForLink();
  return { wire, device, nic, interrupt: nic.rx[0].interrupt as RxInterrupt };
}

describe.each(['adaptive', 'interrupt'] as const)('a loop in mode %s', (mode: PollMode) => {
  it('is never left asleep over a packet, in half a million bursts at random moments', async () => {
    const { wire, device, nic, interrupt } = await emulatedNic();
    const { model } = device;
    const next = random(mode.length * 7919);
    const frame = new Uint8Array(60).fill(2);
    const batch = new PacketBatch(64);
    let bursts = 0;
    let sent = 0;
    let received = 0;
    let wakes = 0;
    const arrive = () => {
      bursts++;
      for (let n = 1 + next(3); n > 0 && wire.send(frame); n--) sent++;
      device.step();
    };
    const sometimes = () => {
      if (next(8) === 0) arrive();
    };
    // Bursts come at every place where they could be missed: around each look, and around the unmasking.
    const racing: RxInterrupt = {
      arm: () => {
        sometimes();
        const armed = interrupt.arm();
        sometimes();
        return armed;
      },
      disarm: () => interrupt.disarm(),
      wait: (milliseconds) => interrupt.wait(milliseconds),
      handle: (handler) => interrupt.handle(handler),
      keepAlive: (enabled) => interrupt.keepAlive(enabled),
    };
    const step = () => {
      model.advance(50_000);
      const count = nic.rx[0].receive(batch);
      batch.free();
      received += count;
      sometimes();
      return count;
    };
    const loop = new PollLoop(
      step,
      { mode, interrupts: [racing] },
      () => wakes++,
      clockOf(() => model.now),
    );
    onTestFinished(() => loop.close());

    while (bursts < BURSTS) {
      if (!loop.asleep) {
        loop.turn();
        continue;
      }
      model.advance(next(200_000));
      arrive();
      // Throttled interrupts come later, but they come.
      for (let wait = 0; loop.asleep && wait <= THROTTLE; wait += 2) {
        model.advance(2_000);
        device.step();
      }
      if (loop.asleep) throw new Error(`asleep over ${sent - received} packets after ${bursts} bursts`);
    }
    while (!loop.asleep) loop.turn();
    expect(received).toBeGreaterThan(BURSTS);
    expect(sent - received).toBeLessThan(10); // what came last may still be on the wire
    expect(wakes).toBeGreaterThan(BURSTS / 20);
    expect(model.violations).toEqual([]);
  }, 120_000);
});

describe('a loop that never finds its ring empty', () => {
  const BURST = 64;
  // What steps take, in milliseconds: a program that does a lot with each packet.
  const EMPTY_STEP = 0.00005;
  const PACKET = 0.002;

  it('returns to the event loop in time, also where it found nothing for long before', () => {
    let now = 0;
    let arriving = 0;
    const step = () => {
      now += EMPTY_STEP + arriving * PACKET;
      return arriving;
    };
    const loop = new PollLoop(
      step,
      { idleMilliseconds: Number.POSITIVE_INFINITY },
      () => {},
      clockOf(() => now * 1e6),
    );
    onTestFinished(() => loop.close());
    for (let silence = 0; silence < 1000; silence++) loop.turn();
    arriving = BURST;
    let longest = 0;
    for (let turn = 0; turn < 100; turn++) {
      const begin = now;
      loop.turn();
      longest = Math.max(longest, now - begin);
    }
    expect(longest).toBeLessThan(4); // of its own clock, not of this machine's
  });

  it.each(['busy', 'adaptive', 'interrupt'] as const)('lets a timer and a signal have their turn: %s', async (mode) => {
    const controller = new AbortController();
    const interrupts = mode === 'busy' ? [] : [new HandInterrupt()];
    const onSignal = () => controller.abort();
    process.once('SIGUSR2', onSignal);
    onTestFinished(() => void process.off('SIGUSR2', onSignal));
    let slices = 0;
    const until = () => {
      if (slices === 0) setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 1);
      if (++slices > MOST_SLICES) throw new Error('neither came');
      return false;
    };
    await poll(() => BURST, { mode, interrupts, until, signal: controller.signal, sliceMilliseconds: 0 });
    expect(controller.signal.aborted).toBe(true);
  });
});
