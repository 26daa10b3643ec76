/** Loops that sleep until an interrupt comes. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DONE, poll } from '../../src/apps/index.ts';
import type { RxInterrupt } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { open } from '../../src/ports/index.ts';
import { HandInterrupt } from './hand-interrupt.ts';

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
