import { ftruncateSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { addon } from '../../../src/native/addon.ts';
import { DMA_READABLE, IRQ } from '../../../src/pci/vfio-user/payloads.ts';
import { mappingsOf, openDescriptors } from '../../support/process.ts';
import { eventfd, Lab, refused, sharedMemory } from './lab.ts';
import { RINGS_BYTES, ServedRings } from './served-rings.ts';

const { EINVAL, EEXIST, ENOSPC } = constants.errno;

describe('memory of a client', () => {
  const ADDRESS = 0x1_0000_0000 - 0x1000;
  const frame = Uint8Array.from({ length: 300 }, (_, i) => (i * 7) & 0xff);
  /** Sends frames around, through a wire that returns them. */
  const roundTrip = (lab: Lab, rings: ServedRings): void => {
    for (let i = 0; i < 20; i++) {
      frame[20] = i;
      rings.transmit(frame);
      lab.run();
      expect(rings.receive()).toEqual(frame);
    }
    expect(lab.device.model.dmaFaults).toBe(0);
  };

  it('is reached where it was mapped', () => {
    const lab = new Lab();
    const { descriptor, bytes } = sharedMemory(0x8000 + RINGS_BYTES);
    lab.map(ADDRESS, bytes.length - 0x4000, descriptor, 3, 0x4000);
    roundTrip(lab, new ServedRings(lab, bytes.subarray(0x4000), ADDRESS).start());
  });

  it('is reached by messages if it came without a descriptor', () => {
    const bytes = new Uint8Array(RINGS_BYTES);
    let messages = 0;
    const range = (address: number, length: number) => {
      messages++;
      const offset = address - ADDRESS;
      return offset >= 0 && offset + length <= bytes.length ? bytes.subarray(offset, offset + length) : undefined;
    };
    const lab = new Lab({ memory: { range } });
    lab.map(ADDRESS, bytes.length);
    roundTrip(lab, new ServedRings(lab, bytes, ADDRESS).start());
    // Only who rings a doorbell says that there is something new: reads behind other writes need not wait for memory.
    const before = messages;
    for (let i = 0; i < 10; i++) {
      lab.write32(0, ixgbe.I2CCTL.at(0), i);
      lab.run();
    }
    expect(messages).toBe(before);
  });

  it('beyond 2 GiB, and across its borders, is one piece', () => {
    const lab = new Lab();
    const border = 2 ** 30;
    const { descriptor, bytes } = sharedMemory(3.5 * border);
    const base = 2 ** 40;
    lab.map(base, bytes.length, descriptor);
    for (const at of [0x1000, border - 0x800, 2 * border - 0x1800, 3.5 * border - RINGS_BYTES]) {
      roundTrip(lab, new ServedRings(lab, bytes.subarray(at, at + RINGS_BYTES), base + at).start());
    }
  });

  it('is out of reach once it is unmapped', () => {
    const lab = new Lab();
    const before = mappingsOf('memfd:test');
    const { descriptor, bytes } = sharedMemory(RINGS_BYTES);
    lab.map(ADDRESS, bytes.length, descriptor);
    expect(mappingsOf('memfd:test')).toBe(before + 2);
    const rings = new ServedRings(lab, bytes, ADDRESS).start();
    lab.unmap(ADDRESS, bytes.length);
    expect(mappingsOf('memfd:test')).toBe(before + 1);
    rings.transmit(frame);
    lab.run();
    expect(rings.receive()).toBeUndefined();
    expect(lab.device.model.dmaFaults).toBeGreaterThan(0);
  });

  it('that only may be read is never written', () => {
    const lab = new Lab();
    const { descriptor, bytes } = sharedMemory(RINGS_BYTES);
    const before = mappingsOf('memfd:test');
    lab.map(ADDRESS, bytes.length, descriptor, DMA_READABLE);
    expect(mappingsOf('memfd:test')).toBe(before);
  });

  it('is out of reach once a larger range is unmapped that it lies in, and that may be empty', () => {
    const lab = new Lab();
    const before = mappingsOf('memfd:test');
    const { descriptor } = sharedMemory(0x4000);
    for (const address of [0x1000, 0x2000, 0x8000]) lab.map(address, 0x1000, descriptor);
    lab.unmap(0x8000_0000_0000, 0x8000_0000_0000);
    expect(mappingsOf('memfd:test')).toBe(before + 4);
    lab.unmap(0, 0x8000);
    expect(mappingsOf('memfd:test')).toBe(before + 2);
    lab.map(0x2000, 0x1000, descriptor);
    lab.unmap(0x8000, 0x8000);
    lab.unmap(0, 0x8000);
    expect(mappingsOf('memfd:test')).toBe(before + 1);
    expect(lab.warnings).toEqual([]);
  });

  it('is refused where it overlaps, where it is none, and where it would be cut', () => {
    const lab = new Lab();
    const { descriptor, bytes } = sharedMemory(0x4000);
    const before = openDescriptors();
    lab.map(0x1000, 0x2000, descriptor);
    expect(() => lab.map(0x2000, 0x1000, descriptor)).toThrow(refused(EEXIST));
    expect(() => lab.map(0x8000, bytes.length + 0x1000, descriptor)).toThrow(refused(EINVAL));
    expect(() => lab.map(0x8000, 0x1000, eventfd())).toThrow(refused(EINVAL));
    expect(() => lab.map(0x8000, 0)).toThrow(refused(EINVAL));
    expect(() => lab.unmap(0x1000, 0x1000)).toThrow(refused(EINVAL));
    expect(() => lab.unmap(0x2000, 0x8000)).toThrow(refused(EINVAL));
    lab.unmap(0x1000, 0x2000);
    expect(openDescriptors()).toBe(before + 1);
  });

  it('is refused where there is more of it than can be mapped while others wait', () => {
    const lab = new Lab();
    const descriptor = addon().memfdCreate('test-holes', addon().constants.MFD_CLOEXEC);
    onTestFinished(() => addon().close(descriptor));
    const gibibyte = 2 ** 30;
    ftruncateSync(descriptor, 257 * gibibyte);
    lab.map(0, gibibyte, descriptor);
    expect(() => lab.map(gibibyte, 256 * gibibyte, descriptor)).toThrow(refused(ENOSPC));
    expect(lab.warnings.at(-1)).toMatch(/ 273804165120 of 274877906944 are left/);
    lab.unmap(0, gibibyte);
    expect(mappingsOf('memfd:test-holes')).toBe(0);
  });

  it('is gone with the client, and so is what the client did to the device', () => {
    const first = new Lab();
    const before = [openDescriptors(), mappingsOf('memfd:test')];
    const { descriptor, bytes } = sharedMemory(RINGS_BYTES);
    first.map(ADDRESS, bytes.length, descriptor);
    first.setInterrupts(IRQ.msix, 0, [eventfd()]);
    first.write32(0, ixgbe.RAL.at(1), 77);
    first.client.close();
    first.connection.poll();
    expect(first.connection.ended).toBe('the client has closed it');
    first.connection.close();
    // Two sockets and an epoll are closed; this test holds the memory and an eventfd.
    expect([openDescriptors() - 2 + 3, mappingsOf('memfd:test') - 1]).toEqual(before);
    const second = new Lab({ device: first.device });
    expect(second.read32(0, ixgbe.RAL.at(1))).toBe(0);
    second.map(ADDRESS, bytes.length, descriptor);
    roundTrip(second, new ServedRings(second, bytes, ADDRESS).start());
  });
});
