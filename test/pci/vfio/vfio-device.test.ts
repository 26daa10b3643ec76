import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DmaMemory } from '../../../src/memory/dma-memory.ts';
import { addon } from '../../../src/native/addon.ts';
import { openPciDevice } from '../../../src/pci/open-pci-device.ts';
import { type Interrupt, PCI_COMMAND, PCI_COMMAND_BUS_MASTER, type PciDevice } from '../../../src/pci/pci-device.ts';
import { FakeSysfs } from '../../support/fake-sysfs.ts';
import { FakeVfio, REGION_STRIDE } from '../../support/fake-vfio.ts';
import { mappingsOf, openDescriptors } from '../../support/process.ts';

const ADDRESS = '0000:03:00.0';
const SECOND = '0000:04:00.0';
const HUGE = 2 ** 21;

function machine(): FakeSysfs {
  const bound = { driver: 'vfio-pci', iommuType: 'DMA' };
  return new FakeSysfs().add(ADDRESS, { ...bound, iommuGroup: 12 }).add(SECOND, { ...bound, iommuGroup: 13 });
}

function open(vfio = new FakeVfio('12', '13'), address = ADDRESS, { sysfs } = machine()): PciDevice {
  const device = openPciDevice(address, { sysfs, devices: vfio.devices });
  onTestFinished(() => device.close());
  return device;
}

/** What the error of opening says, and its code. */
function refusal(vfio: FakeVfio, fake = machine(), unsafeNoIommu = false): { code: string; message: string } {
  try {
    openPciDevice(ADDRESS, { sysfs: fake.sysfs, devices: vfio.devices, unsafeNoIommu }).close();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('the device was opened');
}

/** Memory of the machine that begins at a page, as huge pages do. */
function pages(size: number, pageSize = HUGE): DmaMemory {
  const { MAP_ANONYMOUS, MAP_PRIVATE } = addon().constants;
  const buffer = addon().mmap(-1, size, 0, MAP_ANONYMOUS | MAP_PRIVATE);
  const free = () => addon().munmap(buffer);
  onTestFinished(free);
  return { buffer, size, pageSize, descriptor: -1, kind: 'huge', free };
}

const bytes = (values: readonly (number | bigint)[]): Uint8Array => {
  const parts = values.map((value) =>
    typeof value === 'bigint' ? new BigUint64Array([value]) : new Uint32Array([value]),
  );
  return new Uint8Array(Buffer.concat(parts.map(({ buffer }) => Buffer.from(buffer))));
};

describe('opening', () => {
  it('asks the kernel in the one order that works', () => {
    const vfio = new FakeVfio('12', '13');
    open(vfio);
    const asked = vfio.calls.map(({ name, on }) => `${name} on ${on}`);
    expect(asked).toEqual([
      'GET_API_VERSION on vfio',
      'CHECK_EXTENSION on vfio',
      'GROUP_GET_STATUS on 12',
      'GROUP_SET_CONTAINER on 12',
      'SET_IOMMU on vfio',
      'IOMMU_GET_INFO on vfio',
      'IOMMU_GET_INFO on vfio',
      'GROUP_GET_DEVICE_FD on 12',
      'DEVICE_GET_INFO on device',
      'DEVICE_GET_REGION_INFO on device',
      'DEVICE_GET_IRQ_INFO on device',
      'DEVICE_RESET on device',
    ]);
    expect(vfio.arguments('CHECK_EXTENSION')).toEqual([3]);
    expect(vfio.arguments('SET_IOMMU')).toEqual([3]);
    expect(vfio.arguments('GROUP_GET_STATUS')).toEqual([bytes([8, 0])]);
    expect(vfio.arguments('GROUP_GET_DEVICE_FD')).toEqual([Buffer.from(`${ADDRESS}\0`)]);
    expect(vfio.arguments('DEVICE_GET_REGION_INFO')).toEqual([bytes([32, 0, 7, 0, 0n, 0n])]);
    expect(vfio.arguments('DEVICE_GET_IRQ_INFO')).toEqual([bytes([16, 0, 2, 0])]);
    const infos = vfio.arguments('IOMMU_GET_INFO') as Uint8Array[];
    expect(infos.map((info) => [info.length, info[0]])).toEqual([
      [24, 24],
      [72, 72],
    ]);
  });

  it('gives a second device the same container and address space', () => {
    const vfio = new FakeVfio('12', '13');
    const fake = machine();
    const first = open(vfio, ADDRESS, fake);
    const second = open(vfio, SECOND, fake);
    expect(second.dma).toBe(first.dma);
    expect(vfio.arguments('SET_IOMMU')).toHaveLength(1);
    expect(vfio.arguments('GROUP_SET_CONTAINER')).toHaveLength(2);
  });

  it('gives everything back, and again', () => {
    const vfio = new FakeVfio('12', '13');
    const fake = machine();
    const before = openDescriptors();
    for (let round = 0; round < 3; round++) {
      const devices = [open(vfio, ADDRESS, fake), open(vfio, SECOND, fake)];
      for (const device of devices) {
        device.bar(0);
        device.setBusMaster(true);
        device.interrupts?.enable(2);
      }
      for (const device of devices) device.close();
      expect(openDescriptors()).toBe(before);
      expect(mappingsOf(vfio.deviceFile)).toBe(0);
    }
    expect(vfio.arguments('SET_IOMMU')).toHaveLength(3);
  });

  it('refuses a device twice, until it is closed', () => {
    const vfio = new FakeVfio('12', '13');
    const fake = machine();
    const first = open(vfio, ADDRESS, fake);
    expect(refusal(vfio, fake)).toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    first.close();
    open(vfio, ADDRESS, fake).close();
  });
});

describe('what is in the way', () => {
  it('another device of the group', () => {
    const vfio = new FakeVfio('12');
    vfio.viable = false;
    const fake = machine()
      .addToGroup(12, ADDRESS)
      .add('0000:03:00.1', { driver: 'ixgbe', iommuGroup: 12 })
      .addToGroup(12, '0000:03:00.1')
      .add('0000:00:01.0', { driver: 'pcieport', iommuGroup: 12 })
      .addToGroup(12, '0000:00:01.0');
    expect(refusal(vfio, fake)).toMatchObject({
      code: 'ERR_DEVICE_BUSY',
      message:
        '0000:03:00.0: IOMMU group 12 is not viable: it also has 0000:03:00.1 (bound to ixgbe); bind all its devices ' +
        'to vfio-pci, or put the card into another slot',
    });
  });

  it.each([
    ['EACCES', 'ERR_PERMISSION', 'sudo chown $USER'],
    ['EPERM', 'ERR_PERMISSION', 'CAP_SYS_RAWIO'],
    ['EBUSY', 'ERR_DEVICE_BUSY', 'another process has its IOMMU group open'],
    ['ENOENT', 'ERR_SYSTEM', 'ENOENT'],
  ])('%s from the group', async (code, expected, text) => {
    const { default: fs } = await import('node:fs');
    const { syncBuiltinESMExports } = await import('node:module');
    const vfio = new FakeVfio('12');
    const { openSync } = fs;
    fs.openSync = ((path: string, flags: string) => {
      if (path.endsWith('/12')) throw Object.assign(new Error(`${code}: open '${path}'`), { code });
      return openSync(path, flags);
    }) as typeof openSync;
    syncBuiltinESMExports();
    try {
      const { code: found, message } = refusal(vfio);
      expect([found, message]).toEqual([expected, expect.stringContaining(text)]);
      expect(message).toContain(ADDRESS);
    } finally {
      fs.openSync = openSync;
      syncBuiltinESMExports();
    }
  });

  it('VFIO that is not there', () => {
    const vfio = new FakeVfio('12');
    Object.assign(vfio, { devices: `${vfio.devices}/nothing` });
    expect(refusal(vfio)).toMatchObject({ code: 'ERR_SYSTEM', message: expect.stringContaining('modprobe vfio-pci') });
  });

  it('an interface of another version', () => {
    const vfio = new FakeVfio('12');
    vfio.version = 1;
    expect(refusal(vfio).message).toBe("VFIO's interface must be of version 0, found 1");
  });

  it.each([
    'GROUP_SET_CONTAINER',
    'SET_IOMMU',
    'IOMMU_GET_INFO',
    'GROUP_GET_DEVICE_FD',
    'DEVICE_GET_INFO',
    'DEVICE_RESET',
  ])('a failure of %s, after which nothing is held', (name) => {
    const vfio = new FakeVfio('12');
    const before = openDescriptors();
    vfio.failures.set(name, 'EINVAL');
    expect(refusal(vfio).message).toContain('EINVAL');
    expect(openDescriptors()).toBe(before);
    vfio.failures.clear();
    open(vfio);
  });

  it('a missing IOMMU, unless one asks to do without', async () => {
    const vfio = new FakeVfio('noiommu-12');
    expect(refusal(vfio)).toMatchObject({
      code: 'ERR_DMA_UNMAPPED',
      message: expect.stringMatching(/no IOMMU is on; .* or accept that .*noiommu=1/),
    });
    const warned = new Promise<Error>((found) => {
      const listen = (warning: Error & { code?: string }) => {
        if (warning.code !== 'IXY_NO_IOMMU') return;
        process.off('warning', listen);
        found(warning);
      };
      process.on('warning', listen);
    });
    const fake = machine();
    const device = openPciDevice(ADDRESS, { sysfs: fake.sysfs, devices: vfio.devices, unsafeNoIommu: true });
    onTestFinished(() => device.close());
    expect(vfio.arguments('SET_IOMMU')).toEqual([8]);
    expect(await warned).toMatchObject({ code: 'IXY_NO_IOMMU', message: expect.stringContaining(ADDRESS) });
    expect(() => device.dma.map({ ...pages(4096), kind: 'plain' })).toThrow(/without an IOMMU/);
  });
});

describe('registers', () => {
  it('of a memory BAR are the mapping itself', () => {
    const vfio = new FakeVfio('12');
    const bar = open(vfio).bar(0);
    bar.write32(0x42a4, 0x8000_0001);
    bar.write16(0x100, 0xabcd);
    bar.write8(0x103, 0xef);
    bar.doorbells[0x6018 >> 2] = 511;
    expect([bar.size, bar.read32(0x42a4), bar.read32(0x6018)]).toEqual([131_072, 0x8000_0001, 511]);
    expect([bar.read32(0x100), bar.read16(0x102), bar.read8(0x101)]).toEqual([0xef00_abcd, 0xef00, 0xab]);
    expect(readFileSync(vfio.deviceFile).readUInt32LE(0x42a4)).toBe(0x8000_0001);
  });

  it('of I/O ports are read and written in their own width', () => {
    const vfio = new FakeVfio('12');
    vfio.regions[2] = { size: 32 };
    const device = open(vfio);
    const bar = device.bar(2);
    bar.write32(0, 0x1234_5678);
    bar.write16(4, 0xbeef);
    bar.write8(31, 0x80);
    expect([bar.size, bar.doorbells.length]).toEqual([32, 0]);
    expect([bar.read8(0), bar.read16(2), bar.read32(4), bar.read8(31)]).toEqual([0x78, 0x1234, 0xbeef, 0x80]);
    expect(readFileSync(vfio.deviceFile).readUInt32LE(2 * REGION_STRIDE)).toBe(0x1234_5678);
    expect(mappingsOf(vfio.deviceFile)).toBe(0);
    expect(() => bar.read32(30)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
    device.close();
    expect(() => bar.read8(0)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  it('beside the parts that may be mapped are reached through the file', () => {
    const vfio = new FakeVfio('12');
    const areas = [
      [0, 8192],
      [12_288, 4096],
    ] as const;
    vfio.regions[0] = { size: 16_384, mappable: true, areas };
    const bar = open(vfio).bar(0);
    expect(mappingsOf(vfio.deviceFile)).toBe(2);
    for (const offset of [0, 8188, 8192, 12_284, 12_288, 16_380]) {
      bar.write32(offset, offset + 1);
      expect(bar.read32(offset)).toBe(offset + 1);
      expect(readFileSync(vfio.deviceFile).readUInt32LE(offset)).toBe(offset + 1);
      bar.write16(offset + 2, 0x0102);
      bar.write8(offset + 2, 0xff);
      expect([bar.read16(offset + 2), bar.read8(offset + 3)]).toEqual([0x01ff, 0x01]);
    }
    expect(bar.doorbells.length).toBe(2048);
    expect(() => bar.read32(16_384)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it.each([-1, 6, 0.5, 1])('are not in BAR %d', (index) => {
    expect(() => open().bar(index)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  it('of configuration space lie where the kernel says', () => {
    const vfio = new FakeVfio('12');
    const { config } = open(vfio);
    expect(config.read32(0)).toBe(0x10fb_8086);
    config.write16(0x40, 0xfeed);
    expect(readFileSync(vfio.deviceFile).readUInt16LE(7 * REGION_STRIDE + 0x40)).toBe(0xfeed);
    expect(() => config.read32(4096)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});

describe('DMA', () => {
  it('is mapped once at addresses that the IOMMU translates, and unmapped with its last user', () => {
    const vfio = new FakeVfio('12', '13');
    const fake = machine();
    const { dma } = open(vfio, ADDRESS, fake);
    const memory = pages(2 * HUGE);
    dma.map(memory);
    open(vfio, SECOND, fake).dma.map(memory);
    const address = BigInt(addon().addressOf(new Uint8Array(memory.buffer)));
    expect(vfio.arguments('IOMMU_MAP_DMA')).toEqual([bytes([32, 3, address, BigInt(HUGE), BigInt(2 * HUGE)])]);
    expect(dma.addressOf(memory, HUGE + 5)).toBe(2 * HUGE + 5);
    dma.unmap(memory);
    expect(vfio.arguments('IOMMU_UNMAP_DMA')).toEqual([]);
    dma.unmap(memory);
    expect(vfio.arguments('IOMMU_UNMAP_DMA')).toEqual([bytes([24, 0, BigInt(HUGE), BigInt(2 * HUGE)])]);
    const unmapped = expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' });
    expect(() => dma.addressOf(memory, 0)).toThrow(unmapped);
    expect(() => dma.unmap(memory)).toThrow(unmapped);
  });

  it('begins at a multiple of its page size', () => {
    const vfio = new FakeVfio('12');
    const { dma } = open(vfio);
    const [small, large] = [pages(4096, 4096), pages(HUGE)];
    for (const memory of [small, large]) dma.map(memory);
    expect([dma.addressOf(small, 0), dma.addressOf(large, 0)]).toEqual([HUGE, 2 * HUGE]);
  });

  it('has an end, the IOMMU’s', () => {
    const vfio = new FakeVfio('12');
    vfio.iovaRanges = [[0n, 3n * 2n ** 21n - 1n]];
    const { dma } = open(vfio);
    dma.map(pages(2 * HUGE));
    expect(() => dma.map(pages(4096))).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }));
  });

  it('goes where all IOMMUs translate if the kernel does not say', () => {
    const vfio = new FakeVfio('12');
    vfio.iovaRanges = [];
    const { dma } = open(vfio);
    const memory = pages(HUGE);
    dma.map(memory);
    expect(dma.addressOf(memory, 0)).toBe(HUGE);
  });

  it('needs memory that begins at a page', () => {
    const { dma } = open();
    const memory = { ...pages(8192), buffer: new SharedArrayBuffer(100), size: 100 };
    expect(() => dma.map(memory)).toThrow(/allocateHugeMemory/);
  });

  it('is not mapped beyond the limit of locked memory, whoever notices', () => {
    const vfio = new FakeVfio('12');
    const { dma } = open(vfio);
    vfio.failures.set('IOMMU_MAP_DMA', 'ENOMEM');
    const memory = pages(HUGE);
    expect(() => dma.map(memory)).toThrow(
      expect.objectContaining({ code: 'ERR_PERMISSION', message: expect.stringContaining('ulimit -l unlimited') }),
    );
    vfio.failures.clear();
    dma.map(memory);
    expect(dma.addressOf(memory, 0)).toBe(HUGE);
  });

  it('can be unmapped after the last device has gone, but not mapped', () => {
    const vfio = new FakeVfio('12');
    const device = open(vfio);
    const memory = pages(HUGE);
    device.dma.map(memory);
    device.close();
    device.dma.unmap(memory);
    expect(vfio.arguments('IOMMU_UNMAP_DMA')).toEqual([]);
    expect(() => device.dma.map(memory)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });
});

describe('interrupts', () => {
  function enable(
    vectors: number[],
    count: number,
  ): { vfio: FakeVfio; device: PciDevice; lines: readonly Interrupt[] } {
    const vfio = new FakeVfio('12');
    vfio.vectors = vectors;
    const device = open(vfio);
    return { vfio, device, lines: device.interrupts?.enable(count) ?? [] };
  }

  /** What the kernel does: adds 1 to the eventfd of a vector. */
  function fire(vfio: FakeVfio, vector: number): void {
    const [set] = vfio.arguments('DEVICE_SET_IRQS') as Uint8Array[];
    const descriptor = new DataView(set.buffer).getInt32(20 + 4 * vector, true);
    addon().write(descriptor, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]), 0, 8);
  }

  it.each([
    [[1, 1, 64], 'msix', 2, 64],
    [[1, 8, 0], 'msi', 1, 8],
    [[1, 0, 0], 'intx', 0, 1],
  ] as const)('of %j vectors are %s', (vectors, kind, index, maximum) => {
    const { vfio, device } = enable([...vectors], 1);
    expect(device.interrupts).toMatchObject({ kind, maximum });
    const [set] = vfio.arguments('DEVICE_SET_IRQS') as Uint8Array[];
    expect(set.subarray(0, 20)).toEqual(bytes([24, 4 | 32, index, 0, 1]));
    device.interrupts?.disable();
    expect(vfio.arguments('DEVICE_SET_IRQS')[1]).toEqual(bytes([20, 1 | 32, index, 0, 0]));
  });

  it('a device may have none', () => {
    const { device } = enable([0, 0, 0], 1);
    expect(device.interrupts).toBeUndefined();
  });

  it('end a blocking wait, each its own', () => {
    const { vfio, lines } = enable([1, 1, 64], 3);
    expect(lines.map((line) => line.wait(0))).toEqual([false, false, false]);
    fire(vfio, 1);
    fire(vfio, 1);
    expect(lines.map((line) => line.wait(1))).toEqual([false, true, false]);
    expect(lines[1].wait(0)).toBe(false);
    fire(vfio, 2);
    expect(lines[2].wait(-1)).toBe(true);
  });

  it('call back from the event loop, once for all that came since', async () => {
    const { vfio, lines } = enable([1, 1, 64], 1);
    let calls = 0;
    fire(vfio, 0);
    lines[0].handle(() => calls++);
    fire(vfio, 0);
    while (calls === 0) await setImmediate();
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    expect(calls).toBe(1);
    lines[0].handle(undefined);
    fire(vfio, 0);
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    expect(calls).toBe(1);
    expect(lines[0].wait(0)).toBe(true);
  });

  it('on a line are unmasked on request', () => {
    const { vfio, lines } = enable([1, 0, 0], 1);
    lines[0].unmask();
    expect(vfio.arguments('DEVICE_SET_IRQS')[1]).toEqual(bytes([20, 1 | 16, 0, 0, 1]));
  });

  it('by messages need no unmasking', () => {
    const { vfio, lines } = enable([1, 1, 4], 1);
    lines[0].unmask();
    expect(vfio.arguments('DEVICE_SET_IRQS')).toHaveLength(1);
  });

  it('are enabled once, and within what there are', () => {
    const { device } = enable([1, 1, 4], 4);
    const bad = expect.objectContaining({ code: 'ERR_ARGUMENT' });
    expect(() => device.interrupts?.enable(1)).toThrow(bad);
    device.interrupts?.disable();
    for (const count of [0, 5, 1.5]) expect(() => device.interrupts?.enable(count)).toThrow(bad);
  });

  it('that the kernel has not got leave nothing behind', () => {
    const vfio = new FakeVfio('12');
    const device = open(vfio);
    const before = openDescriptors();
    vfio.failures.set('DEVICE_SET_IRQS', 'ENOSPC');
    expect(() => device.interrupts?.enable(8)).toThrow(/no 8 interrupts to be had: ENOSPC/);
    expect(openDescriptors()).toBe(before);
  });
});

describe('closing', () => {
  it('stops DMA, then interrupts, and resets the device last', () => {
    const vfio = new FakeVfio('12');
    const device = open(vfio);
    const command = () => readFileSync(vfio.deviceFile).readUInt16LE(7 * REGION_STRIDE + PCI_COMMAND);
    device.setBusMaster(true);
    device.interrupts?.enable(1);
    expect(command() & PCI_COMMAND_BUS_MASTER).toBe(PCI_COMMAND_BUS_MASTER);
    vfio.calls.length = 0;
    device.close();
    expect(command() & PCI_COMMAND_BUS_MASTER).toBe(0);
    expect(vfio.names).toEqual(['DEVICE_SET_IRQS', 'DEVICE_RESET']);
    expect(() => device.bar(0)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
    expect(() => device.interrupts?.enable(1)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  it('gives everything back although the device does not answer any more', () => {
    const before = openDescriptors();
    const vfio = new FakeVfio('12');
    const device = open(vfio);
    device.bar(0);
    device.setBusMaster(true);
    device.interrupts?.enable(1);
    for (const name of ['DEVICE_SET_IRQS', 'DEVICE_RESET']) vfio.failures.set(name, 'ENODEV');
    const gone = vi.spyOn(device.config, 'write16').mockImplementation(() => {
      throw new Error('EIO: write');
    });
    expect(() => device.close()).toThrow('EIO');
    gone.mockRestore();
    expect(openDescriptors()).toBe(before);
    expect(mappingsOf(vfio.deviceFile)).toBe(0);
  });

  it('needs no reset of a device that has none', () => {
    const vfio = new FakeVfio('12');
    vfio.resettable = false;
    open(vfio).close();
    expect(vfio.arguments('DEVICE_RESET')).toEqual([]);
  });

  it('is carried out as far as DMA goes if the thread ends before', () => {
    const vfio = new FakeVfio('12');
    const arm = vi.spyOn(addon(), 'armCleanupWrite');
    onTestFinished(() => arm.mockRestore());
    open(vfio).setBusMaster(true);
    expect(arm.mock.calls.map(([, offset, data]) => [offset, [...data]])).toEqual([
      [7 * REGION_STRIDE + PCI_COMMAND, [3, 0]],
    ]);
  });
});
