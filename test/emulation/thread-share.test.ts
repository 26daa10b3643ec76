/** A device on the emulation's thread, for threads that it is lent to. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import { EmulationThread, ThreadedPciDevice } from '../../src/emulation/index.ts';
import { attachThreadedDevice, type ThreadedShare } from '../../src/emulation/thread/attached-device.ts';
import { Mailbox } from '../../src/emulation/thread/mailbox.ts';
import * as protocol from '../../src/emulation/thread/protocol.ts';
import type { AttachedDevice } from '../../src/pci/device-share.ts';

const STATUS = ixgbe.STATUS.offset;
const closed = expect.objectContaining({ code: 'ERR_CLOSED' });
const gone = expect.objectContaining({ code: 'ERR_DEVICE_GONE' });

const open: ThreadedPciDevice[] = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

function start(thread?: EmulationThread): ThreadedPciDevice {
  const device = new ThreadedPciDevice({ strict: true, ...(thread ? { thread } : {}) });
  open.push(device);
  return device;
}

/** As it arrives in another thread, attached there. */
function attach({ data }: { readonly data: unknown }): AttachedDevice {
  return attachThreadedDevice(structuredClone(data) as ThreadedShare);
}

describe('a shared device', () => {
  test('has the same registers, whoever asks', () => {
    const device = start();
    const [first, second] = [attach(device.share()), attach(device.share())];
    first.bar(0).write32(ixgbe.EITR.at(3), 0x1f8);
    expect([device.bar(0), first.bar(0), second.bar(0)].map((bar) => bar.read32(ixgbe.EITR.at(3)))).toEqual([
      0x1f8, 0x1f8, 0x1f8,
    ]);
    expect([first.address, first.bar(0).size]).toEqual([device.address, device.bar(0).size]);
  });

  test('has the same doorbells', () => {
    const device = start();
    expect(attach(device.share()).bar(0).doorbells.buffer.byteLength).toBe(device.bar(0).doorbells.buffer.byteLength);
    attach(device.share()).bar(0).doorbells[ixgbe.RDT.offset >> 2] = 4711;
    expect(device.bar(0).doorbells[ixgbe.RDT.offset >> 2]).toBe(4711);
  });

  test('refuses what the device itself refuses', () => {
    const device = start();
    const attached = attach(device.share());
    expect(() => attached.bar(1)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    expect(() => attached.bar(0).read32(2)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    expect(() => attached.bar(0).read8(0)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  test('is closed by those who have it for themselves, and for all by its owner', () => {
    const device = start();
    const other = start();
    const [first, second] = [attach(device.share()), attach(device.share())];
    const status = device.bar(0).read32(STATUS);
    first.close();
    expect(() => first.bar(0).read32(STATUS)).toThrow(closed);
    expect(second.bar(0).read32(STATUS)).toBe(status);
    device.close();
    expect(() => second.bar(0).read32(STATUS)).toThrow(closed);
    expect(other.bar(0).read32(STATUS)).toBe(status);
  });

  test('answers nobody from whom it was taken back', () => {
    const device = start();
    const shared = device.share();
    const attached = attach(shared);
    attached.bar(0).read32(STATUS);
    shared.release();
    shared.release();
    expect(() => attached.bar(0).read32(STATUS)).toThrow(closed);
    device.close();
    shared.release();
    expect(() => device.share()).toThrow(closed);
  });

  test('tells why, once its thread has ended', () => {
    const device = start(new EmulationThread('short-lived'));
    const attached = attach(device.share());
    device.close();
    expect(() => attached.bar(0).read32(STATUS)).toThrow(gone);
    expect(() => attached.bar(0).read32(STATUS)).toThrow(/'short-lived' of emulated devices has ended: it was closed/);
  });

  test('is not harmed by borrowers that die in the middle of a request', () => {
    const device = start();
    const status = device.bar(0).read32(STATUS);
    const requests = [
      { operation: protocol.READ, device: 0, space: 0, offset: STATUS, bytes: 4 },
      { operation: protocol.COMMAND, device: 99, space: -1, offset: -1, bytes: 0 },
      { operation: 77, device: -1, space: 9, offset: 2 ** 30, bytes: 3 },
    ];
    for (const request of requests) {
      const shared = device.share();
      const { letters } = (shared.data as ThreadedShare).mailbox;
      const words = new Int32Array(letters);
      words[protocol.OPERATION] = request.operation;
      words[protocol.DEVICE] = request.device;
      words[protocol.SPACE] = request.space;
      words[protocol.OFFSET] = request.offset;
      words[protocol.BYTES] = request.bytes;
      Atomics.store(words, protocol.STATE, protocol.REQUESTED);
      expect(device.bar(0).read32(STATUS)).toBe(status);
      shared.release();
      expect(Atomics.load(words, protocol.REMOVED)).toBe(1);
    }
    expect(device.bar(0).read32(STATUS)).toBe(status);
  });
});

describe('a mailbox', () => {
  test('never takes a late answer for that to another question', () => {
    const letters = new SharedArrayBuffer(protocol.MAILBOX_BYTES);
    const bell = new SharedArrayBuffer(protocol.MAILBOX_BYTES);
    const words = new Int32Array(letters);
    const mailbox = new Mailbox({ thread: 'slow', letters, bell });
    // Nobody is there to answer, and each look at the clock takes as long as a caller waits at most.
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 10_001;
      return now;
    });
    const silent = expect.objectContaining({
      code: 'ERR_DEVICE_GONE',
      message: expect.stringMatching(/did not answer/),
    });
    try {
      expect(() => mailbox.read(0, 0, STATUS, 4)).toThrow(silent);
      // The device thread was at work on it all the time, and answers while the next question stands there.
      clock.mockImplementationOnce(() => {
        words[protocol.VALUE] = 4711;
        Atomics.store(words, protocol.STATE, protocol.ANSWERED);
        return now;
      });
      expect(() => mailbox.read(0, 0, STATUS + 8, 4)).toThrow(silent);
      expect(() => mailbox.write(0, 0, STATUS, 4, 1)).toThrow(silent);
      expect(Atomics.load(words, protocol.STATE)).toBe(protocol.IDLE);
    } finally {
      clock.mockRestore();
    }
  });
});
