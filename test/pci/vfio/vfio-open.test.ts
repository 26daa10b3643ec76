import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { addon } from '../../../src/native/addon.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER } from '../../../src/pci/pci-device.ts';
import { FakeVfio, REGION_STRIDE } from '../../support/fake-vfio.ts';
import { mappingsOf, openDescriptors } from '../../support/process.ts';
import { ADDRESS, bytes, machine, open, refusal, SECOND } from '../../support/vfio-machine.ts';

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
    expect(first.dma.translated).toBe(true);
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
