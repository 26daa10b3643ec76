/** Loops that sleep until an interrupt comes. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DONE, type PollMode, poll } from '../../src/apps/index.ts';
import { PollLoop } from '../../src/apps/poll-loop.ts';
import { openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import type { RxInterrupt } from '../../src/drivers/net-device.ts';
import { EmulatedPciDevice } from '../../src/emulation/index.ts';
import { CallbackWire } from '../../src/emulation/wires/callback.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import { open } from '../../src/ports/index.ts';

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

/** An interrupt that a test fires by hand. */
class HandInterrupt implements RxInterrupt {
  armed = 0;
  handler: (() => void) | undefined;
  kept = false;

  arm(): boolean {
    this.armed++;
    return true;
  }

  disarm(): void {}

  wait(): boolean {
    return false;
  }

  handle(handler: (() => void) | undefined): void {
    this.handler = handler;
  }

  keepAlive(enabled: boolean): void {
    this.kept = enabled;
  }
}

describe('poll with interrupts', () => {
  it('takes no steps while it sleeps, and goes on where it is woken', async () => {
    const interrupt = new HandInterrupt();
    const steps: number[] = [];
    const done = poll(() => (steps.push(steps.length) > 100 ? DONE : 0), {
      interrupts: [interrupt],
      mode: 'interrupt',
    });
    while (interrupt.armed === 0) await setImmediate();
    const asleep = steps.length;
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    expect([steps.length, interrupt.kept]).toEqual([asleep, true]);
    for (let wakes = 1; wakes < 100 && interrupt.handler; wakes++) {
      interrupt.handler();
      for (let turn = 0; turn < 4; turn++) await setImmediate();
    }
    await done;
    expect(steps.length).toBe(101);
    expect([interrupt.kept, interrupt.handler]).toEqual([false, undefined]);
  });

  it('stays awake for an interrupt that came while it armed', async () => {
    const interrupt = new HandInterrupt();
    interrupt.arm = () => {
      if (++interrupt.armed < 5) interrupt.handler?.();
      return true;
    };
    const controller = new AbortController();
    const done = poll(() => 0, { interrupts: [interrupt], mode: 'interrupt', signal: controller.signal });
    while (interrupt.armed < 5) await setImmediate();
    controller.abort();
    await done;
  });

  it('ends while it sleeps: by its signal, and by `until`', async () => {
    const interrupt = new HandInterrupt();
    const controller = new AbortController();
    const done = poll(() => 0, { interrupts: [interrupt], signal: controller.signal });
    while (interrupt.armed === 0) await setImmediate();
    controller.abort();
    await done;
    let asked = 0;
    await poll(() => 0, { interrupts: [interrupt], until: () => interrupt.armed > 1 && ++asked > 2 });
    expect(interrupt.handler).toBeUndefined();
  });

  it('rejects with what a step throws after it slept', async () => {
    const interrupt = new HandInterrupt();
    const step = () => {
      if (interrupt.armed > 1) throw new RangeError('no');
      return 0;
    };
    const done = poll(step, { interrupts: [interrupt], mode: 'interrupt' });
    while (interrupt.armed === 0) await setImmediate();
    interrupt.handler?.();
    await expect(done).rejects.toThrow(new RangeError('no'));
    expect(interrupt.handler).toBeUndefined();
  });

  it('naps where no interrupt will ever come', async () => {
    const interrupt = new HandInterrupt();
    interrupt.arm = () => ++interrupt.armed < 0;
    let steps = 0;
    await poll(() => (++steps > 1000 ? DONE : 0), { interrupts: [interrupt], mode: 'interrupt', napMilliseconds: 0 });
    expect(interrupt.armed).toBeGreaterThan(10);
  });

  it.each(['adaptive', 'interrupt'] as const)('refuses mode %s without interrupts', async (mode) => {
    await expect(poll(() => 0, { mode })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  it('is woken by an emulated NIC on its thread', async () => {
    const port = await open('emulated:ixgbe?wire=generator&pace=2000pps', { promiscuous: true });
    onTestFinished(() => port.close());
    await port.waitForLink();
    const [queue] = port.rx;
    const interrupt = queue.interrupt as RxInterrupt;
    const batch = new PacketBatch(64);
    let received = 0;
    let slept = 0;
    const step = () => {
      const count = queue.receive(batch);
      batch.free();
      received += count;
      return received >= 200 && slept > 2 ? DONE : count; // on a busy machine they may be there before the first look
    };
    const counted: RxInterrupt = {
      arm: () => {
        slept++;
        return interrupt.arm();
      },
      disarm: () => interrupt.disarm(),
      wait: (milliseconds) => interrupt.wait(milliseconds),
      handle: (handler) => interrupt.handle(handler),
      keepAlive: (enabled) => interrupt.keepAlive(enabled),
    };
    await poll(step, { interrupts: [counted] });
    expect(received).toBeGreaterThanOrEqual(200);
  });
});

describe('a loop that is woken by what itself does', () => {
  /** An interrupt that is never armed again once it has fired, as those of devices that are gone. */
  function breakable() {
    let handler: (() => void) | undefined;
    let broken = false;
    const interrupt: RxInterrupt = {
      arm: () => !broken,
      disarm: () => {},
      wait: () => false,
      handle: (wake) => {
        handler = wake;
      },
      keepAlive: () => {},
    };
    const fire = () => {
      broken = true;
      handler?.();
    };
    return { interrupt, fire };
  }

  it('ends when a step aborts it that had nothing else to do', async () => {
    const { interrupt } = breakable();
    const controller = new AbortController();
    const step = () => {
      controller.abort();
      return 0;
    };
    await poll(step, { mode: 'interrupt', interrupts: [interrupt], signal: controller.signal });
  });

  it.each(['step', 'until'])('takes one turn at a time, and none once it is over: in %s', async (place) => {
    const { interrupt, fire } = breakable();
    let [steps, depth, deepest, looks] = [0, 0, 0, 0];
    let over = false;
    const enter = (here: string) => {
      depth++;
      deepest = Math.max(deepest, depth);
      if (here === place && looks === 2) fire();
      depth--;
    };
    const step = () => {
      expect(over).toBe(false);
      steps++;
      enter('step');
      return 0;
    };
    const until = () => {
      enter('until');
      return ++looks > 10;
    };
    await poll(step, { mode: 'interrupt', interrupts: [interrupt], until });
    over = true;
    const taken = steps;
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    expect([deepest, steps - taken]).toEqual([1, 0]);
  });
});
