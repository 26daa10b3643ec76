/**
 * A virtio-net device that misbehaves: for each fault, on each interface, what the driver makes of it. It counts, or says in
 * a typed error or event what happened; it closes in time, gives everything back, and writes nowhere else.
 */
import { describe, expect, test } from 'vitest';
import type { VirtioNetFault } from '../../src/emulation/virtio/faults.ts';
import { IxyError } from '../../src/errors.ts';
import { CheckedPacketPool } from '../../src/memory/checked-pool.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { PacketPool } from '../../src/memory/packet-pool.ts';
import { expectFrames, frame } from './lab.ts';
import { INTERFACES, MEETINGS, openVirtioLab, VirtioLab, type VirtioLabOptions } from './virtio-lab.ts';

/** Milliseconds of model time that `close` may take: 20 for what is on its way, 100 for the reset, and a look each. */
const LONGEST_CLOSE = 122;
/** An opening waits at most twice, 1 s each. */
const LONGEST_OPENING = 2200;

const frames = (count: number, first = 0): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => frame(first + i, 60));

function expectClose(lab: VirtioLab): void {
  const { clock } = lab.device;
  const begin = clock.now();
  lab.close();
  expect(clock.now() - begin).toBeLessThanOrEqual(LONGEST_CLOSE);
  expect(lab.device.model.dmaFaults).toBe(0);
}

/** The fault is over: the driver opens the device as it is, and frames go both ways. */
async function expectReopening(lab: VirtioLab): Promise<void> {
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

/** An error's code, and what its message says; undefined: the driver opens the device all the same. */
type Refusal = readonly [string, string] | undefined;

describe.each(INTERFACES)('opening $name', ({ options }) => {
  const isModern = options.model?.kind !== 'legacy' && options.legacy !== true;
  const fallsBack = isModern && options.model?.kind === 'transitional';

  const absent: Refusal = isModern && !fallsBack ? ['ERR_DEVICE_UNSUPPORTED', 'no common configuration'] : undefined;
  const faults: readonly (readonly [string, VirtioNetFault, Refusal])[] = [
    ['a reset without end', { kind: 'stuck-reset' }, ['ERR_TIMEOUT', 'status must be 0 after a reset, found 0x1']],
    [
      'all features refused',
      { kind: 'features-refused' },
      isModern ? ['ERR_DEVICE_UNSUPPORTED', 'the device refuses the features'] : undefined,
    ],
    ['the first features refused', { kind: 'features-refused', count: 1 }, undefined],
    ['a vector refused', { kind: 'no-vector' }, ['ERR_DEVICE_UNSUPPORTED', 'no room for interrupt vector']],
    [
      'a configuration that never rests',
      { kind: 'config-race' },
      isModern ? ['ERR_DEVICE_FAILED', 'changed 64 times while it was read'] : undefined,
    ],
    ['a configuration that changes a few times', { kind: 'config-race', count: 20 }, undefined],
    ['a command refused', { kind: 'control-error' }, ['ERR_DEVICE_UNSUPPORTED', 'refused the command PROMISCUOUS']],
    ['a command never answered', { kind: 'control-stall' }, ['ERR_TIMEOUT', 'PROMISCUOUS is not answered']],
    ['a command answered late', { kind: 'control-stall', count: 20 }, undefined],
    ['capabilities in a circle', { kind: 'capability-loop' }, undefined],
    ['structures beyond their BAR', { kind: 'capability-offset' }, absent],
    ['structures in no BAR', { kind: 'capability-bar' }, absent],
    ['structures of no bytes', { kind: 'capability-length' }, absent],
    ['nobody there', { kind: 'removal' }, ['ERR_DEVICE_GONE', 'was it removed?']],
  ];

  test.each(faults)('%s', async (_what, fault, error) => {
    const lab = new VirtioLab({ ...options, without: ['RING_PACKED'], ring: 'split' });
    const { model, clock } = lab.device;
    model.faults.inject(fault);
    const begin = clock.now();
    const opened = lab.open();
    if (error) {
      await expect(opened).rejects.toMatchObject({ code: error[0], message: expect.stringContaining(error[1]) });
      await expect(opened).rejects.toBeInstanceOf(IxyError);
      expect(clock.now() - begin).toBeLessThan(LONGEST_OPENING);
      lab.expectEverythingBack();
    } else {
      await opened;
      lab.close();
    }
    if (fault.kind === 'removal' || fault.kind.startsWith('capability')) model.reset(); // another card in the slot
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });

  test('removal at any moment is told, and gives everything back', async () => {
    // An opening takes some hundreds of register accesses.
    for (let after = 0; ; after += 7) {
      const lab = new VirtioLab({ ...options, spare: 64 });
      lab.device.model.faults.inject({ kind: 'removal', after });
      const error = await lab.open().catch((reason: unknown) => reason);
      if (error instanceof Error) {
        expect(error).toMatchObject({ code: 'ERR_DEVICE_GONE' });
        lab.expectEverythingBack();
      } else {
        lab.close();
      }
      if (lab.device.model.faults.armed) break; // it was open and closed before the moment came
    }
  });
});

/** What the driver has told, and what arrived. */
interface Outcome {
  readonly events: string[];
  readonly received: Uint8Array[];
  readonly badFrames: number;
}

/** `count` frames one way, in bursts; the driver looks at the device after each. */
async function traffic(lab: VirtioLab, way: 'receive' | 'transmit', count: number): Promise<Outcome> {
  const { nic } = lab;
  const events: string[] = [];
  nic.on('failed', (error) => events.push(`failed ${(error as IxyError).code}`));
  nic.on('removed', (error) => events.push(`removed ${(error as IxyError).code}`));
  const received: Uint8Array[] = [];
  for (let done = 0; done < count; done += 20) {
    const some = frames(20, done);
    if (way === 'receive') {
      for (const each of some) lab.wire.send(each);
      received.push(...lab.receive());
    } else {
      lab.send(some);
      lab.settle();
    }
    nic.checkLink();
  }
  await new Promise((done) => setImmediate(done));
  const badFrames = nic.rx.reduce((sum, queue) => sum + queue.badFrames, 0);
  return { events, received, badFrames };
}

const FAILED = ['failed ERR_DEVICE_FAILED'];
/** More than any ring has descriptors: the driver comes by all of them, and takes back what it has sent. */
const COUNT = 600;

const CHOSEN = MEETINGS.filter(({ name }) => /everything|neither|groups/.test(name));

describe.each(CHOSEN)('$name', ({ options }) => {
  const open = (more: VirtioLabOptions = {}) => openVirtioLab({ ...options, ...more });
  const has = (lab: VirtioLab, feature: string): boolean => lab.nic.capabilities.features?.includes(feature) === true;

  describe.each([CheckedPacketPool, PacketPool])('and a $name', (Pool) => {
    test('lengths beyond the buffer: those frames are dropped and counted, the others arrive', async () => {
      const lab = await open({ Pool });
      lab.device.model.faults.inject({ kind: 'used-length-too-long', after: 45, count: 3 });
      const { events, received, badFrames } = await traffic(lab, 'receive', COUNT);
      const expected = frames(COUNT);
      expectFrames(received, [...expected.slice(0, 45), ...expected.slice(48)]);
      expect({ events, badFrames }).toEqual({ events: [], badFrames: 3 });
      expect(lab.nic.statistics()).toMatchObject({ rxPackets: COUNT - 3, rxDropped: 3 });
      expectClose(lab);
      await expectReopening(lab);
      expect(lab.violations).toEqual([]);
    });

    test('lengths of sent buffers mean nothing', async () => {
      const lab = await open({ Pool });
      lab.device.model.faults.inject({ kind: 'used-length-too-long', excess: 70_000 });
      expect((await traffic(lab, 'transmit', COUNT)).events).toEqual([]);
      expectFrames(lab.sent, frames(COUNT));
      expectClose(lab);
      await expectReopening(lab);
      expect(lab.violations).toEqual([]);
    });

    test.each<[VirtioNetFault, 'receive' | 'transmit']>([
      [{ kind: 'used-id-out-of-range', after: 45 }, 'receive'],
      [{ kind: 'used-id-out-of-range', after: 45, id: 0xffff }, 'receive'],
      [{ kind: 'used-id-twice', after: 45 }, 'receive'],
      [{ kind: 'used-id-out-of-range', after: 45 }, 'transmit'],
      [{ kind: 'used-id-twice', after: 45 }, 'transmit'],
    ])('%j: the device has failed (%s)', async (fault, way) => {
      const lab = await open({ Pool });
      lab.device.model.faults.inject(fault);
      const { events, received } = await traffic(lab, way, COUNT);
      const packed = has(lab, 'RING_PACKED');
      if (packed && fault.kind === 'used-id-twice') {
        // The driver may have made it available again in the meantime: then it is used once more, or not at all.
        expect([[], FAILED]).toContainEqual(events);
      } else {
        // Where split rings are used in order, the driver does not look at what it knows.
        expect(events).toEqual(way === 'transmit' && has(lab, 'IN_ORDER') && !packed ? [] : FAILED);
        expectFrames(received, frames(received.length));
        expect(received.length).toBeLessThanOrEqual(45);
      }
      if (events.length > 0) {
        const batch = new PacketBatch(4);
        batch.allocate(lab.pool, 4);
        expect(lab.nic.tx.map((queue) => queue.transmit(batch))).toEqual(lab.nic.tx.map(() => 0));
        expect(() => lab.nic.setPromiscuous(true)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_FAILED' }));
        expect(lab.nic.link().up).toBe(false);
        batch.free();
      }
      expectClose(lab);
      lab.device.model.clearViolations(); // an id that came twice is made available twice
      await expectReopening(lab);
      expect(lab.violations).toEqual([]);
    });

    test.each(['receive', 'transmit'] as const)('an index that jumps: the device has failed (%s)', async (way) => {
      const lab = await open({ Pool });
      lab.device.model.faults.inject({ kind: 'used-index-jump', after: 2 });
      const { events } = await traffic(lab, way, COUNT);
      // Packed rings have no index: that buffers come back too early is not to be seen, if nothing else is wrong with them.
      if (!has(lab, 'RING_PACKED')) expect(events).toEqual(FAILED);
      else expect([[], FAILED]).toContainEqual(events);
      expectClose(lab);
      await expectReopening(lab);
      expect(lab.violations.map(({ rule }) => rule).filter((rule) => !has(lab, 'RING_PACKED') || rule === '')).toEqual(
        [],
      );
    });

    test.each([1, 2, 3, 4])('rings full of garbage (%i)', async (seed) => {
      const lab = await open({ Pool });
      lab.device.model.faults.inject({ kind: 'ring-garbage', seed, after: seed, count: 2 });
      const [way, other] = seed % 2 === 0 ? (['receive', 'transmit'] as const) : (['transmit', 'receive'] as const);
      const outcomes = [await traffic(lab, way, 100), await traffic(lab, other, 100)];
      for (const { events } of outcomes) expect([[], FAILED]).toContainEqual(events);
      expectClose(lab);
      await expectReopening(lab);
    });
  });

  test.each(['receive', 'transmit'] as const)('a device that needs a reset has failed (%s)', async (way) => {
    const lab = await open();
    lab.device.model.faults.inject({ kind: 'needs-reset', after: 45, count: 1 });
    const { events } = await traffic(lab, way, 100);
    expect(events).toEqual(FAILED);
    expectClose(lab);
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });

  test('a link that flaps: both changes are told, and what was queued leaves', async () => {
    const lab = await open();
    const { nic, device } = lab;
    const states: boolean[] = [];
    nic.on('link', ({ up }) => states.push(up));
    nic.checkLink();
    device.model.faults.inject({ kind: 'link-flap', after: 40, nanoseconds: 5e6, count: 1 });
    const some = frames(100);
    lab.send(some);
    lab.settle();
    expect(nic.checkLink().up).toBe(false);
    await nic.waitForLink();
    nic.checkLink();
    lab.settle();
    expectFrames(lab.sent, some);
    expect(states).toEqual([true, false, true]);
    expectClose(lab);
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });

  test('removal under traffic is told once; queues go quiet, and close takes no time', async () => {
    const lab = await open();
    const { nic, device } = lab;
    for (const each of frames(60)) lab.wire.send(each);
    lab.send(frames(60));
    device.step(30);
    device.model.faults.inject({ kind: 'removal' });
    const { events } = await traffic(lab, 'receive', 60);
    expect(events).toEqual(['removed ERR_DEVICE_GONE']);
    expect(lab.send(frames(20))).toBe(0);
    expect(() => nic.setMac('02:00:00:00:00:01')).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE' }));
    await expect(nic.waitForLink()).rejects.toMatchObject({ code: 'ERR_DEVICE_GONE' });
    const begin = device.clock.now();
    lab.close();
    expect(device.clock.now()).toBe(begin);
    device.model.faults.clear();
    device.model.reset();
    await expectReopening(lab);
    expect(lab.warnings).toEqual([]);
    expect(lab.violations).toEqual([]);
  });

  test('commands that are refused, late or never answered are errors, and frames go on', async () => {
    const lab = await open();
    const { nic, device } = lab;
    device.model.faults.inject({ kind: 'control-error', count: 1 });
    expect(() => nic.setAllMulticast(true)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED' }));
    nic.setAllMulticast(true);
    device.model.faults.inject({ kind: 'control-stall' });
    const begin = device.clock.now();
    for (let i = 0; i < 3; i++) {
      expect(() => nic.setPromiscuous(true)).toThrow(expect.objectContaining({ code: 'ERR_TIMEOUT' }));
    }
    expect(device.clock.now() - begin).toBeLessThan(1100); // the first is waited for
    const { events, received } = await traffic(lab, 'receive', 100);
    expectFrames(received, frames(100));
    expect(events).toEqual([]);
    expectClose(lab);
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });
});
