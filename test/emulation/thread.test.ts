import { spawnSync } from 'node:child_process';
import { ftruncateSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { TX_CMD_DATA, TX_CMD_EOP, TX_CMD_RS, TX_PAYLEN_SHIFT } from '../../src/datasheet/ixgbe/descriptors.ts';
import { ixgbe } from '../../src/datasheet/ixgbe/index.ts';
import type { WireSpec } from '../../src/emulation/index.ts';
import {
  EmulatedPciDevice,
  EmulationThread,
  sharedWireCounters,
  ThreadedPciDevice,
  wireCounters,
  wireStatistics,
} from '../../src/emulation/index.ts';
import { LoopbackWire } from '../../src/emulation/wires/loopback.ts';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { addon } from '../../src/native/addon.ts';
import { frameTo, TestDriver } from './ixgbe/test-driver.ts';

const open: TestDriver[] = [];
afterEach(() => {
  for (const driver of open.splice(0)) driver.close();
});

function start(options: ConstructorParameters<typeof ThreadedPciDevice>[0] = {}) {
  const device = new ThreadedPciDevice({ strict: true, ...options });
  const driver = new TestDriver(device);
  open.push(driver);
  return { device, driver };
}

async function until<T>(look: () => T | undefined | false, milliseconds = 5000): Promise<T> {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    const found = look();
    if (found) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`nothing within ${milliseconds} ms`);
}

describe('a device on a thread of its own', () => {
  test('shows the same registers as a stepped one', () => {
    const { driver } = start();
    const stepped = new TestDriver(new EmulatedPciDevice());
    for (const [name, register] of Object.entries(ixgbe)) {
      if (register.access === 'WO' || name === 'SWSM') continue;
      expect([name, driver.read(register)]).toEqual([name, stepped.read(register)]);
    }
    stepped.close();
  });

  test('carries frames both ways through a loopback plug, and breaks no rule', async () => {
    const { device, driver } = start({ wire: { kind: 'loopback' } });
    driver.start();
    expect(driver.waitForLink()).toBe(true);
    const frames = Array.from({ length: 300 }, (_, i) => frameTo('02:00:00:82:59:90', 60 + i, i));
    const received: Uint8Array[] = [];
    for (const frame of frames) {
      driver.transmit(frame);
      received.push(...(await until(() => nonEmpty(driver.receive()))));
    }
    expect(received).toEqual(frames);
    expect(device.inspect().violations).toEqual([]);
    expect(driver.read(ixgbe.GPRC)).toBe(300);
  });

  test('does the same as a stepped one, frame by frame and counter by counter', async () => {
    const threaded = start({ wire: { kind: 'loopback' } });
    const simulated = new EmulatedPciDevice({ wire: new LoopbackWire() });
    const stepped = new TestDriver(simulated);
    open.push(stepped);
    const drivers = [threaded.driver, stepped];
    for (const driver of drivers) driver.start().waitForLink();
    const received: Uint8Array[][] = [[], []];
    for (let i = 0; i < 100; i++) {
      const frame = frameTo(i % 5 === 0 ? 'ff:ff:ff:ff:ff:ff' : '02:00:00:82:59:90', 20 + i * 14, i);
      const sizes = i % 3 === 0 ? [frame.length] : [7, frame.length - 7];
      for (const [which, driver] of drivers.entries()) {
        driver.transmit(frame, sizes);
        simulated.step();
        received[which].push(...(await until(() => nonEmpty(driver.receive()))));
      }
    }
    expect(received[0]).toEqual(received[1]);
    const counters = Object.entries(ixgbe).filter(([, { access }]) => access === 'RC');
    expect(counters.length).toBeGreaterThan(80);
    for (const [name, register] of counters) {
      expect([name, threaded.driver.read(register)]).toEqual([name, stepped.read(register)]);
    }
    expect(threaded.device.inspect().violations).toEqual(simulated.model.violations);
  });

  test('is linked to another one by a cable', async () => {
    const wire: WireSpec = { kind: 'cable', name: 'c' };
    const a = start({ wire, mac: '02:00:00:00:00:0a' });
    const b = start({ wire, mac: '02:00:00:00:00:0b' });
    for (const { driver } of [a, b]) driver.start();
    for (const { driver } of [a, b]) expect(driver.waitForLink()).toBe(true);
    const frame = frameTo('02:00:00:00:00:0b', 100);
    a.driver.transmit(frame);
    expect(await until(() => nonEmpty(b.driver.receive()))).toEqual([frame]);
  });

  test('reaches memory behind a file descriptor, and no longer once it is unmapped', async () => {
    const { device, driver } = start({ wire: { kind: 'loopback' } });
    driver.start();
    driver.waitForLink();
    const memory = fileMemory(2 ** 21);
    device.dma.map(memory);
    const frame = frameTo('02:00:00:82:59:90', 64);
    new Uint8Array(memory.buffer).set(frame, 1000);
    const command = TX_CMD_DATA | TX_CMD_EOP | TX_CMD_RS | 64;
    const address = device.dma.addressOf(memory, 1000);
    driver.writeTx(0, address, command, 64 << TX_PAYLEN_SHIFT);
    driver.ring(ixgbe.TDT, 1);
    expect(await until(() => nonEmpty(driver.receive()))).toEqual([frame]);
    device.dma.unmap(memory);
    memory.free();
    driver.writeTx(1, address, command, 64 << TX_PAYLEN_SHIFT);
    driver.ring(ixgbe.TDT, 2);
    await until(() => driver.txDone(1));
    expect(device.inspect().violations.map(({ rule }) => rule)).toEqual(['tx.buffer-unmapped']);
  });

  test('refuses memory that no other thread can reach', () => {
    const { device } = start();
    const memory: DmaMemory = { ...fileMemory(4096), descriptor: -1 };
    expect(() => device.dma.map(memory)).toThrow(expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }));
    expect(() => device.dma.addressOf(memory, 0)).toThrow();
  });

  test('counts what its wire carried in shared memory', async () => {
    const counters = sharedWireCounters();
    const { driver } = start({ wire: { kind: 'null', counters } });
    driver.start();
    driver.waitForLink();
    driver.transmit(frameTo('02:00:00:00:00:02', 60));
    await until(() => wireStatistics(wireCounters(counters)).sent.frames === 1);
  });

  test('takes injected faults', () => {
    const { device, driver } = start();
    device.injectFault({ kind: 'removal' });
    expect(driver.read(ixgbe.STATUS)).toBe(0xffff_ffff);
  });

  test('says what is wrong with a wire', () => {
    const open = () => start({ wire: { kind: 'capture', input: '/nowhere/at/all.pcap' } });
    expect(open).toThrow(expect.objectContaining({ code: 'ERR_SYSTEM', message: expect.stringContaining('/nowhere') }));
    expect(start().driver.read(ixgbe.STATUS)).not.toBe(0xffff_ffff);
  });

  test('refuses accesses outside its registers', () => {
    const { device } = start();
    expect(() => device.bar(0).read32(2)).toThrow(/multiple of 4/);
    expect(() => device.bar(0).read32(0x2_0000)).toThrow(/multiple of 4/);
    expect(() => device.bar(1)).toThrow(/no BAR 1/);
    expect(() => device.config.read16(4095)).toThrow(/aligned/);
  });

  test('is gone when it is closed', () => {
    const { device } = start();
    device.close();
    expect(() => device.bar(0).read32(0)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });
});

describe('the thread', () => {
  test('is shared by name, and a new one begins after the last device has gone', () => {
    const first = EmulationThread.named('t');
    expect(EmulationThread.named('t')).toBe(first);
    const device = new ThreadedPciDevice({ thread: first });
    device.close();
    expect(EmulationThread.named('t')).not.toBe(first);
    new ThreadedPciDevice({ thread: EmulationThread.named('t') }).close();
  });

  test('that ends by an error says so to whoever asks next, at once', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'ixy-thread-')), 'truncated.pcap');
    writeFileSync(file, truncatedCapture());
    const { device, driver } = start({
      wire: { kind: 'capture', input: file },
      thread: EmulationThread.named('doomed'),
    });
    device.setBusMaster(true);
    driver.reset();
    driver.setUpReceive();
    driver.enableRxQueue();
    driver.enableReceiver(); // and now the file is read
    const ended = expect.objectContaining({ code: 'ERR_DEVICE_GONE', message: expect.stringContaining(file) });
    await until(() => {
      try {
        driver.read(ixgbe.STATUS);
        return false;
      } catch (error) {
        expect(error).toEqual(ended);
        return true;
      }
    });
    expect(() => driver.read(ixgbe.STATUS)).toThrow(ended);
    expect(() => driver.close()).not.toThrow();
    expect(() => device.close()).not.toThrow();
    rmSync(dirname(file), { recursive: true });
    open.splice(0);
  });

  test('keeps no process alive, closed or not', () => {
    const program = `
      import { ThreadedPciDevice } from '${new URL('../../dist/emulation/index.js', import.meta.url)}';
      const device = new ThreadedPciDevice({ wire: { kind: 'loopback' } });
      device.setBusMaster(true);
      if (process.argv.includes('close')) device.close();
      console.log(device.vendorId.toString(16));`;
    for (const how of ['close', 'leave']) {
      const arguments_ = ['--input-type=module', '-e', program, '--', how];
      const { status, stdout, stderr } = spawnSync(process.execPath, arguments_, { encoding: 'utf8', timeout: 20_000 });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '8086\n', stderr: '' });
    }
  });
});

/** Memory as huge pages are: mapped from a file, so that each thread maps it for itself. */
function fileMemory(size: number): DmaMemory {
  const { constants, memfdCreate, mmap, munmap, close } = addon();
  const descriptor = memfdCreate('ixy-test', constants.MFD_CLOEXEC);
  ftruncateSync(descriptor, size);
  const buffer = mmap(descriptor, size, 0, constants.MAP_SHARED);
  const free = () => {
    munmap(buffer);
    close(descriptor);
  };
  return { buffer, size, pageSize: size, descriptor, kind: 'huge', free };
}

/** A capture with one frame, and another that is cut off. */
function truncatedCapture(): Uint8Array {
  const file = new DataView(new ArrayBuffer(24 + 16 + 60 + 16 + 10));
  const words = [0xa1b2c3d4, 0x0004_0002, 0, 0, 65535, 1, 0, 0, 60, 60];
  for (const [i, word] of words.entries()) file.setUint32(4 * i, word, true);
  for (const [i, word] of [0, 0, 60, 60].entries()) file.setUint32(100 + 4 * i, word, true);
  return new Uint8Array(file.buffer);
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined;
}
