import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { findStructures } from '../../../src/drivers/virtio/pci/capabilities.ts';
import { identifyVirtio, openPciTransport } from '../../../src/drivers/virtio/pci/open-transport.ts';
import { IxyError } from '../../../src/errors.ts';
import type { PciConfigSpace, RegisterFile } from '../../../src/pci/pci-device.ts';
import { BAR_BYTES, FakeConfig, MODERN_BAR, NOTIFY_OFFSET, virtioCapability } from './fake-config.ts';
import { FakeVirtio } from './fake-device.ts';
import { memoryAccess, registerFile } from './fake-registers.ts';

describe('which devices are virtio network cards', () => {
  const at = { address: '0000:00:03.0' };

  test.each([0x1000, 0x1041])('1af4:%i is one', (deviceId) => {
    expect(identifyVirtio({ ...at, vendorId: 0x1af4, deviceId })).toContain('virtio-net');
  });

  test.each([
    [0x1001, 0x1af4, '0000:00:03.0 (1af4:1001) is a virtio device, but no network card'],
    [0x1042, 0x1af4, 'but no network card'],
    [0x1041, 0x8086, 'is no virtio device'],
  ])('%i of vendor %i is none', (deviceId, vendorId, message) => {
    expect(() => identifyVirtio({ ...at, vendorId, deviceId })).toThrow(message);
  });
});

describe('which interface is used', () => {
  it('is the modern one where there is one', () => {
    expect(openPciTransport(new FakeVirtio({ kind: 'modern' })).kind).toBe('modern');
    expect(openPciTransport(new FakeVirtio({ kind: 'transitional' })).kind).toBe('modern');
  });

  it('is the legacy one where there is no other, or on request', () => {
    expect(openPciTransport(new FakeVirtio({ kind: 'legacy' })).kind).toBe('legacy');
    expect(openPciTransport(new FakeVirtio({ kind: 'transitional' }), true).kind).toBe('legacy');
  });

  it('is none if the device lacks what is asked for', () => {
    expect(() => openPciTransport(new FakeVirtio(), true)).toThrow('without the legacy interface');
    const broken = new FakeVirtio();
    broken.space.bytes.setUint8(0x34, 0);
    expect(() => openPciTransport(broken)).toThrow('no common configuration');
  });

  it('is the legacy one if the modern one is not complete', () => {
    const device = new FakeVirtio({ kind: 'transitional' });
    device.space.bytes.setUint32(0x40 + 8, 0x1000, true); // the common configuration lies behind its BAR
    expect(openPciTransport(device).kind).toBe('legacy');
  });
});

describe('a doorbell', () => {
  const setup = { size: 256, addresses: { descriptors: 0x10_0000, driver: 0x10_1000, device: 0x10_2000 } };
  const memory = (bytes: number) => new Int32Array(new SharedArrayBuffer(bytes + 8), 4, bytes / 4).fill(-1);

  it.each([0, 1])('is a store of 16 bits where the BAR is memory (queue %i)', (index) => {
    const device = new FakeVirtio();
    device.doorbells = memory(BAR_BYTES);
    const ring = openPciTransport(device).setUpQueue(index, setup);
    expect([...device.doorbells].every((word) => word === -1)).toBe(true);
    ring();
    const rung = NOTIFY_OFFSET / 4 + index;
    expect([...device.doorbells].map((word, at) => (at === rung ? word >>> 0 : word))).toEqual(
      Array.from({ length: BAR_BYTES / 4 }, (_, at) => (at === rung ? 0xffff_0000 + index : -1)),
    );
    expect(device.log).not.toContain(`notify ${index}`);
  });

  it.each([
    ['is no memory', 0],
    ['is memory only in front of it', NOTIFY_OFFSET],
  ])('is a write to a register where the BAR %s', (_, bytes) => {
    const device = new FakeVirtio();
    device.doorbells = memory(bytes);
    openPciTransport(device).setUpQueue(0, setup)();
    expect(device.log).toContain('notify 0');
    expect([...device.doorbells].every((word) => word === -1)).toBe(true);
  });
});

describe('a single queue that is reset', () => {
  const setup = { size: 256, addresses: { descriptors: 0x10_0000, driver: 0x10_1000, device: 0x10_2000 } };

  /** A device whose queue 0 is set up, with room for the field or without. */
  const open = (device: FakeVirtio, commonBytes: number) => {
    device.space.bytes.setUint32(0x40 + 12, commonBytes, true);
    const transport = openPciTransport(device);
    transport.setUpQueue(0, setup);
    return transport;
  };

  it('is awaited: both fields must read 0', () => {
    const device = new FakeVirtio();
    const transport = open(device, 0x40);
    const answers = { QUEUE_RESET: [1, 1, 0, 0], QUEUE_ENABLE: [1, 1, 0] }; // it is enabled at first
    device.onRead = (name) => (name in answers ? answers[name as keyof typeof answers].shift() : undefined);
    transport.resetQueue(0);
    expect(answers).toEqual({ QUEUE_RESET: [], QUEUE_ENABLE: [] });
  });

  it('is awaited for 100 ms at most', () => {
    const device = new FakeVirtio();
    const transport = open(device, 0x40);
    device.onRead = (name) => (name === 'QUEUE_RESET' ? 1 : undefined);
    const begin = device.now;
    expect(() => transport.resetQueue(0)).toThrow(expect.objectContaining({ code: 'ERR_TIMEOUT' }));
    expect(device.now - begin).toBeCloseTo(100, 0);
  });

  it('is refused by a device that has no field for it', () => {
    const unsupported = expect.objectContaining({ code: 'ERR_DEVICE_UNSUPPORTED' });
    expect(() => open(new FakeVirtio(), 0x38).resetQueue(0)).toThrow(unsupported);
    expect(() => openPciTransport(new FakeVirtio({ kind: 'legacy' })).resetQueue(0)).toThrow(unsupported);
  });
});

describe('the capability list', () => {
  it('gives the first usable structure of each type', () => {
    const device = new FakeVirtio();
    const config = new FakeConfig(0x1041, { modern: false, msix: false });
    config.put(0x40, virtioCapability(1, 6, 0, 0x38)); // no such BAR
    config.put(0x50, virtioCapability(1, MODERN_BAR, 0x1c8, 0x38)); // fits, but for the last
    config.put(0x60, virtioCapability(1, MODERN_BAR, 0x1c9, 0x38)); // overhangs
    config.put(0x70, virtioCapability(2, MODERN_BAR, 0x100, 0x80, 3)); // no power of two
    config.put(0x84, virtioCapability(2, MODERN_BAR, 0x180, 2, 0));
    config.put(0x98, virtioCapability(4, MODERN_BAR, 2, 8)); // not aligned
    const found = findStructures({ config: config.space, bar: (index) => device.bar(index) });
    expect(found).toMatchObject({
      common: { offset: 0x1c8, size: 0x38 },
      notify: { offset: 0x180, size: 2, multiplier: 0 },
      isr: undefined,
      device: undefined,
    });
  });

  it('may run in circles', () => {
    const device = new FakeVirtio();
    device.space.bytes.setUint8(0x74 + 1, 0x40);
    expect(findStructures(device)).toBeDefined();
    device.space.bytes.setUint8(0x40 + 1, 0x40);
    expect(findStructures(device)).toBeUndefined();
  });

  it('never leads outside a BAR, whatever configuration space holds', () => {
    const often = <T>(value: fc.Arbitrary<T>, rarely: fc.Arbitrary<T>) =>
      fc.oneof({ arbitrary: value, weight: 4 }, { arbitrary: rarely, weight: 1 });
    const capability = fc.record({
      type: fc.integer({ min: 1, max: 5 }),
      bar: fc.nat(6),
      offset: often(
        fc.nat(0x400).map((words) => 4 * words),
        fc.nat(0xffff_ffff),
      ),
      size: often(fc.integer({ min: 0x30, max: 0x1000 }), fc.constantFrom(0, 1, 0xffff_ffff)),
      multiplier: often(fc.constantFrom(0, 2, 4), fc.constantFrom(1, 3, 0x8000_0000, 0xffff_ffff)),
    });
    const random = fc.record({
      capabilities: fc.array(capability, { minLength: 3, maxLength: 9 }),
      flips: fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { maxLength: 4 }),
    });
    let complete = 0;
    fc.assert(
      fc.property(random, ({ capabilities, flips }) => {
        const config = new FakeConfig(0x1041, { modern: false, msix: false });
        for (const [i, { type, bar, offset, size, multiplier }] of capabilities.entries()) {
          config.put(0x40 + 20 * i, virtioCapability(type, bar, offset, size, multiplier));
        }
        for (const [at, value] of flips) config.bytes.setUint8(at, value);
        const found = findStructures({ config: limited(config.bytes), bar: hostileBar });
        if (found) complete++;
        for (const structure of Object.values(found ?? {})) {
          if (structure) expect(structure.offset + structure.size).toBeLessThanOrEqual(structure.registers.size);
        }
      }),
      { seed: 4, numRuns: 3000 },
    );
    expect(complete).toBeGreaterThan(100);
  });

  /** Configuration space for as many accesses as a walk may need. */
  function limited(bytes: DataView): PciConfigSpace {
    let accesses = 0;
    const counted = memoryAccess(bytes);
    return registerFile(256, (offset, width, value) => {
      if (++accesses > 4000) throw new Error('the walk does not end');
      return counted(offset, width, value);
    });
  }

  function hostileBar(index: number): RegisterFile {
    const size = [0x2000, 0, 0x1000, 0x4000, 0x1800][index];
    if (size === undefined) throw new IxyError('ERR_ARGUMENT', `no BAR ${index}`);
    return registerFile(size, () => 0);
  }
});

describe('a device that is gone where registers are files', () => {
  it.each(['legacy', 'modern'] as const)('is told as such by a reset, and by a new status: %s', async (kind) => {
    const device = new FakeVirtio({ kind });
    const transport = openPciTransport(device);
    Object.defineProperty(device, 'status', {
      set: () => {
        throw Object.assign(new Error('write: EIO'), { code: 'EIO' });
      },
    });
    const gone = expect.objectContaining({ code: 'ERR_DEVICE_GONE' });
    await expect(transport.reset()).rejects.toEqual(gone);
    expect(() => transport.resetBlocking()).toThrow(gone);
    expect(() => transport.addStatus(1)).toThrow(gone);
  });
});
