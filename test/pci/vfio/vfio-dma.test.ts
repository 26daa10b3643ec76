import { describe, expect, it } from 'vitest';
import { addon } from '../../../src/native/addon.ts';
import { FakeVfio } from '../../support/fake-vfio.ts';
import { ADDRESS, bytes, HUGE, machine, open, pages, SECOND } from '../../support/vfio-machine.ts';

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
