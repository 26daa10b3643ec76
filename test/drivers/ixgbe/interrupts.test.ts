/** The driver's interrupts on the emulated 82599, which judges what is done to its registers. */
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type IxgbeRegister, ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { type IxgbeDevice, type IxgbeOptions, openIxgbe } from '../../../src/drivers/ixgbe/index.ts';
import type { LinkState, RxInterrupt } from '../../../src/drivers/net-device.ts';
import { type EmulatedDeviceOptions, EmulatedPciDevice } from '../../../src/emulation/index.ts';
import { CallbackWire } from '../../../src/emulation/wires/callback.ts';
import { PacketBatch } from '../../../src/memory/packet-batch.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';

interface Setup {
  readonly device: EmulatedPciDevice;
  readonly wire: CallbackWire;
  readonly nic: IxgbeDevice;
  readonly interrupt: RxInterrupt;
  /** Lets a frame arrive. */
  arrive(): void;
  /** Takes all that has arrived; how many frames that were. */
  receive(): number;
  read(name: IxgbeRegister, index?: number): number;
}

async function open(options: Partial<IxgbeOptions> = {}, how: EmulatedDeviceOptions = {}): Promise<Setup> {
  const wire = new CallbackWire({ onFrame: () => true });
  const device = new EmulatedPciDevice({ wire, ...how });
  const nic = await openIxgbe(device, { allocateMemory: allocatePlainMemory, promiscuous: true, ...options });
  onTestFinished(() => {
    nic.close();
    expect(device.model.violations).toEqual([]);
  });
  await nic.waitForLink();
  const interrupt = nic.rx[0].interrupt as RxInterrupt;
  const batch = new PacketBatch(64);
  const frame = new Uint8Array(60).fill(2);
  return {
    device,
    wire,
    nic,
    interrupt,
    arrive: () => {
      wire.send(frame);
      device.step();
    },
    receive: () => {
      const count = nic.rx[0].receive(batch);
      batch.free();
      return count;
    },
    read: (name, index = 0) => device.bar(0).read32(ixgbe[name].at(index)),
  };
}

describe.each(['msix', 'intx'] as const)('a receive queue, by %s,', (interrupts) => {
  const setUp = (options: Partial<IxgbeOptions> = {}) => open({ interruptThrottle: 0, ...options }, { interrupts });

  it('interrupts once when it is armed, and never otherwise', async () => {
    const { interrupt, arrive } = await setUp();
    let calls = 0;
    interrupt.handle(() => calls++);
    arrive();
    expect(calls).toBe(0);
    interrupt.arm();
    const late = calls; // for the frame that was there already
    arrive();
    arrive();
    expect([late, calls]).toEqual([1, 1]);
    interrupt.arm();
    expect(calls).toBe(2);
  });

  it('interrupts for a frame that came between the last look and arming', async () => {
    const { interrupt, arrive, receive } = await setUp();
    let calls = 0;
    interrupt.handle(() => calls++);
    interrupt.arm();
    arrive();
    expect([calls, receive(), receive()]).toEqual([1, 1, 0]);
    arrive();
    interrupt.arm();
    expect(calls).toBe(2);
  });

  it('does not interrupt once it is disarmed', async () => {
    const { interrupt, arrive } = await setUp();
    let calls = 0;
    interrupt.handle(() => calls++);
    interrupt.arm();
    interrupt.disarm();
    arrive();
    expect(calls).toBe(0);
  });

  it('ends a wait that blocks', async () => {
    const { interrupt, device, wire } = await setUp();
    interrupt.arm();
    expect(interrupt.wait(1)).toBe(false);
    const before = device.clock.now();
    wire.send(new Uint8Array(60));
    expect(interrupt.wait(1000)).toBe(true);
    expect(device.clock.now() - before).toBeLessThan(1);
    expect(interrupt.wait(0)).toBe(false);
  });

  it('wakes whoever waits when the device goes', async () => {
    const { interrupt, device, nic } = await setUp();
    let calls = 0;
    nic.on('removed', () => {});
    interrupt.handle(() => calls++);
    interrupt.arm();
    device.model.faults.inject({ kind: 'removal' });
    nic.link();
    expect(calls).toBe(1);
    nic.close();
    expect([calls, interrupt.arm()]).toEqual([1, false]);
    interrupt.disarm();
    interrupt.handle(undefined);
    expect(interrupt.wait(-1)).toBe(false);
  });

  it('wakes whoever waits when the device is closed', async () => {
    const { interrupt, nic } = await setUp();
    let calls = 0;
    interrupt.handle(() => calls++);
    expect(interrupt.arm()).toBe(true);
    nic.close();
    expect([calls, interrupt.arm()]).toEqual([1, false]);
  });

  it('tells of the link', async () => {
    const { device, nic } = await setUp({ linkPollInterval: 0 });
    const seen: LinkState[] = [];
    nic.on('link', (link) => seen.push(link));
    await setImmediate();
    expect(seen).toMatchObject([{ up: true }]);
    const { wire } = device.model;
    device.model.wire = undefined;
    device.step();
    await setImmediate();
    device.model.wire = wire;
    device.simulation.advance(1000);
    await setImmediate();
    expect(seen.map(({ up }) => up)).toEqual([true, false, true]);
  });
});

describe('vectors', () => {
  it('are one for each receive queue, and one for the rest', async () => {
    const { device, read } = await open({ rxQueues: 3 });
    expect(device.interrupts.kind).toBe('msix');
    expect([read('IVAR', 0), read('IVAR', 1), read('IVAR_MISC')]).toEqual([0x0081_0080, 0x82, 0x8300]);
    expect(read('GPIE')).toBe(0xc000_0030 >>> 0);
    expect([read('EIAC'), read('EIAM'), read('EIMS')]).toEqual([0xffff, 0xffff, 1 << 20]);
    expect([0, 1, 2, 3, 4].map((vector) => read('EITR', vector))).toEqual([80, 80, 80, 80, 0]);
  });

  it('are shared where there are too few', async () => {
    const { nic, read } = await open({ rxQueues: 64 });
    const last = 63;
    expect([read('IVAR', 31), read('IVAR_MISC')]).toEqual([0x0080_00be, 0x8000 | (last << 8)]);
    const first = nic.rx[0].interrupt;
    const sharing = nic.rx[63].interrupt;
    first?.arm();
    sharing?.arm();
    first?.disarm();
    expect(read('EIMS') & 1).toBe(1);
    sharing?.disarm();
    expect(read('EIMS') & 1).toBe(0);
  });

  it('beyond the sixteenth are masked in the second set of registers', async () => {
    const { nic, read } = await open({ rxQueues: 40 });
    nic.rx[20].interrupt?.arm();
    nic.rx[39].interrupt?.arm();
    expect([read('EIMS_EXT', 0), read('EIMS_EXT', 1)]).toEqual([1 << 20, 1 << 7]);
    nic.rx[20].interrupt?.disarm();
    nic.rx[39].interrupt?.disarm();
    expect([read('EIMS_EXT', 0), read('EIMS_EXT', 1)]).toEqual([0, 0]);
  });

  it('are off when the device is closed', async () => {
    const { nic, interrupt, device, read } = await open();
    interrupt.arm();
    const model = device.model;
    nic.close();
    expect(model.read(0, ixgbe.EIMS.offset, 4)).toBe(0);
    expect(device.config.read16(0x72) >>> 15).toBe(0);
    expect(() => read('EIMS')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  it('are not used where nobody wants them', async () => {
    const { nic, device, read } = await open({ interrupts: false });
    expect(nic.rx[0].interrupt).toBeUndefined();
    expect([read('GPIE') & 0x10, device.config.read16(0x72) >>> 15]).toEqual([0, 0]);
  });
});

describe('throttling', () => {
  it('keeps interrupts apart', async () => {
    const { interrupt, arrive, receive, device } = await open({ interruptThrottle: 100 });
    const times: number[] = [];
    interrupt.handle(() => {
      times.push(device.model.now);
      receive();
      interrupt.arm();
    });
    interrupt.arm();
    for (let i = 0; i < 1000; i++) {
      arrive();
      device.model.advance(7_000);
      device.step();
    }
    const gaps = times.slice(1).map((time, i) => time - times[i]);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100_000);
    expect(times.length).toBeGreaterThan(60);
  });

  it.each([-2, 1, 1024, 2.5])('of %d µs is refused', async (interruptThrottle) => {
    await expect(open({ interruptThrottle })).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});
