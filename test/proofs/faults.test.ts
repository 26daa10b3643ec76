/** A device that misbehaves: the real driver says so, or counts, and goes on; close ends in time and gives all back. */
import { describe, expect, test } from 'vitest';
import type { IxgbeFault } from '../../src/emulation/index.ts';
import { IxyError } from '../../src/errors.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { expectFrames, frame, Lab, openLab } from './lab.ts';

/** Milliseconds of model time that close may take: 10 per queue, of which there are two, and 120. */
const LONGEST_CLOSE = 140;

function frames(count: number, size = 60): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => frame(i, size));
}

/** Frames go both ways as if nothing had happened. */
function expectTraffic(lab: Lab): void {
  const some = frames(40);
  for (const each of some) lab.wire.send(each);
  expectFrames(lab.receive(), some);
  lab.sent.length = 0;
  expect(lab.send(some)).toBe(some.length);
  lab.settle();
  expectFrames(lab.sent, some);
}

/** Closes within the time that its documentation says. */
function expectClose(lab: Lab): void {
  const { clock } = lab.device;
  const begin = clock.now();
  lab.close();
  expect(clock.now() - begin).toBeLessThanOrEqual(LONGEST_CLOSE);
}

/** Opens the driver again, on the same device, and uses it. */
async function expectReopening(lab: Lab): Promise<void> {
  await lab.open();
  await lab.nic.waitForLink();
  expectTraffic(lab);
  expectClose(lab);
}

describe('while opening', () => {
  test('a slow reset is waited for', async () => {
    const lab = new Lab();
    lab.device.model.faults.inject({ kind: 'slow-reset', nanoseconds: 900e6, count: 1 });
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });

  test.each<[string, IxgbeFault, string, string]>([
    ['a reset that takes too long', { kind: 'slow-reset', nanoseconds: 1500e6 }, 'ERR_TIMEOUT', 'CTRL.RST is still 1'],
    ['a reset without end', { kind: 'stuck-reset' }, 'ERR_TIMEOUT', 'CTRL.RST is still 1'],
    ['a damaged EEPROM', { kind: 'eeprom-checksum' }, 'ERR_BAD_FILE', "the EEPROM's words add up to 0x"],
    ['a device that is not there', { kind: 'removal' }, 'ERR_DEVICE_GONE', 'was it removed?'],
  ])('%s is an error that says what was found', async (_what, fault, code, message) => {
    const lab = new Lab();
    const { model, clock } = lab.device;
    model.faults.inject(fault);
    const begin = clock.now();
    await expect(lab.open()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(clock.now() - begin).toBeLessThan(1200);
    lab.expectEverythingBack();
    model.faults.clear();
    model.reset();
    await expectReopening(lab);
  });

  test('removal at any moment is told, and gives everything back', async () => {
    // An opening takes some thousands of register accesses, a closing some hundreds.
    for (let after = 0; ; after += 97) {
      const lab = new Lab({ strict: false });
      lab.device.model.faults.inject({ kind: 'removal', after });
      const opened = await lab.open().then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(IxyError);
          expect(error).toMatchObject({ code: 'ERR_DEVICE_GONE' });
          return false;
        },
      );
      if (opened) lab.close();
      else lab.expectEverythingBack();
      if (lab.device.model.faults.armed) break; // it was open and closed before the moment came
    }
  });
});

describe('the link', () => {
  test('flaps: both changes are told, and what was queued leaves', async () => {
    const lab = await openLab();
    const { nic, device } = lab;
    const states: boolean[] = [];
    nic.on('link', ({ up }) => states.push(up));
    nic.checkLink();
    const some = frames(100);
    device.model.faults.inject({ kind: 'link-flap', after: 40, nanoseconds: 5e6, count: 1 });
    lab.send(some);
    device.step(50);
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

  test('stays down: waiting for it ends in an error, and so does the driver, in time', async () => {
    const lab = new Lab();
    lab.wire.connected = false;
    await lab.open();
    lab.send(frames(100));
    await expect(lab.nic.waitForLink(500)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expectClose(lab);
    lab.wire.connected = true;
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });
});

describe('transmission', () => {
  test.each([false, true])('stalls: the ring fills up, the rest stays the caller’s (for good: %s)', async (forGood) => {
    const lab = await openLab({ txRingSize: 128 });
    const { nic, device } = lab;
    device.model.faults.inject({ kind: 'tx-stall', after: 10 });
    const some = frames(300);
    expect(lab.send(some.slice(0, 100))).toBe(100);
    lab.settle();
    const taken = lab.send(some.slice(100)); // 27 descriptors are left, and those that the first ten gave back are not 32
    expect(taken).toBe(27);
    for (let i = 0; i < 100; i++) {
      lab.settle();
      expect(lab.send([frame(i, 60)])).toBe(0);
    }
    expectFrames(lab.sent, some.slice(0, 10));
    for (const each of some) lab.wire.send(each);
    expect(lab.receive().length).toBeGreaterThan(0); // the other direction goes on
    if (!forGood) {
      device.model.faults.clear('tx-stall');
      lab.settle();
      expectFrames(lab.sent, some.slice(0, 127));
      expect(nic.statistics().txPackets).toBe(127);
      expectTraffic(lab);
    }
    expectClose(lab);
    device.model.faults.clear();
    lab.sent.length = 0;
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });
});

describe.each([1500, 9000])('reception with an MTU of %i', (mtu) => {
  test.each<[string, IxgbeFault]>([
    ['DD without EOP', { kind: 'rx-missing-eop', after: 5, count: 3 }],
    ['a length beyond the buffer', { kind: 'rx-wrong-length', length: 2049, after: 5, count: 3 }],
    ['the largest length', { kind: 'rx-wrong-length', length: 0xffff, after: 5, count: 3 }],
    ['no length', { kind: 'rx-wrong-length', length: 0, after: 5, count: 3 }],
  ])('%s: the frame is dropped and counted, the others arrive', async (_what, fault) => {
    const lab = await openLab({ mtu });
    lab.device.model.faults.inject(fault);
    const some = frames(20);
    for (const each of some) lab.wire.send(each);
    expectFrames(lab.receive(), [...some.slice(0, 5), ...some.slice(8)]);
    expect(lab.nic.counters()['rx[0].badFrames']).toBe(3);
    expect(lab.nic.statistics()).toMatchObject({ rxPackets: 17, rxDropped: 3 });
    expectTraffic(lab);
    expectClose(lab);
    await expectReopening(lab);
    expect(lab.violations).toEqual([]);
  });

  test('no frame ever ends: all are dropped, and the ring goes on', async () => {
    const lab = await openLab({ mtu });
    lab.device.model.faults.inject({ kind: 'rx-missing-eop' });
    for (let round = 0; round < 50; round++) {
      for (const each of frames(50, 1500)) lab.wire.send(each);
      expect(lab.receive()).toEqual([]);
    }
    expect(lab.nic.statistics()).toMatchObject({ rxPackets: 0, rxDropped: 2500 });
    lab.device.model.faults.clear();
    expectTraffic(lab);
    expectClose(lab);
  });
});

describe('removal under traffic', () => {
  test('is told once; queues go quiet, close gives all back, and a new card can be opened', async () => {
    const lab = await openLab({ rxQueues: 2, txQueues: 2 });
    const { nic, device } = lab;
    const removed: Error[] = [];
    nic.on('removed', (error) => removed.push(error));
    for (const each of frames(100)) lab.wire.send(each);
    lab.send(frames(100));
    device.step(30);
    const batch = new PacketBatch(20);
    expect(nic.rx[0].receive(batch)).toBe(20);
    device.model.faults.inject({ kind: 'removal' });
    expect(nic.link().up).toBe(false);
    expect(nic.checkLink().up).toBe(false);
    await Promise.resolve();
    expect(removed).toMatchObject([{ code: 'ERR_DEVICE_GONE' }]);
    expect(nic.tx[0].transmit(batch)).toBe(0);
    expect(nic.tx[1].transmit(batch)).toBe(0);
    expect(batch.length).toBe(20);
    expect(nic.rx[0].receive(new PacketBatch(20))).toBe(0);
    expect(() => nic.setPromiscuous(true)).toThrow(expect.objectContaining({ code: 'ERR_DEVICE_GONE' }));
    await expect(nic.waitForLink()).rejects.toMatchObject({ code: 'ERR_DEVICE_GONE' });
    batch.free();
    const begin = device.clock.now();
    lab.close();
    expect(device.clock.now()).toBe(begin);
    expect(nic.statistics().rxPackets).toBeGreaterThanOrEqual(0);
    device.model.faults.clear();
    device.model.reset();
    for (lab.sent.length = 0; lab.wire.pending > 0; ) lab.wire.poll({ deliver: () => true }, 64, 0);
    await expectReopening(lab);
    expect(lab.warnings).toEqual([]);
  });
});
