import { ftruncateSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import { addon } from '../../../src/native/addon.ts';
import {
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  PCI_COMMAND_INTX_DISABLE,
  PCI_COMMAND_MEMORY,
} from '../../../src/pci/pci-device.ts';
import {
  DMA_READABLE,
  deviceInfo,
  encodeWriteMulti,
  IRQ,
  IRQ_DATA_BOOL,
  IRQ_DATA_NONE,
  IRQ_MASK,
  IRQ_TRIGGER,
  IRQ_UNMASK,
  irqInfo,
  irqSet,
  REGION,
  regionAccess,
  regionInfo,
} from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';
import { mappingsOf, openDescriptors } from '../../support/process.ts';
import { eventfd, fired, Lab, sharedMemory } from './lab.ts';
import { RINGS_BYTES, ServedRings } from './served-rings.ts';

const CAUSE = ixgbe.EICR.bits.LSC.mask;
const MSI_CONTROL = 0x52;
const refused = (errno: number) =>
  expect.objectContaining({ code: 'ERR_SYSTEM', message: expect.stringContaining(`errno ${errno}`) });
const { EINVAL, EEXIST, ENOSPC, ENOTSUP } = constants.errno;

describe('a served device', () => {
  it('says what it has', () => {
    const { client } = new Lab();
    expect(client.version).toEqual({
      major: 0,
      minor: 0,
      maximumDescriptors: 16,
      maximumTransfer: 1 << 20,
      doorbells: false,
    });
    expect(deviceInfo.decode(client.call(COMMAND.DEVICE_GET_INFO, deviceInfo.encode({ argsz: 16 })))).toEqual({
      argsz: 16,
      flags: 3,
      regions: 9,
      irqs: 5,
    });
    const sizes = Array.from({ length: 9 }, (_, index) => {
      const reply = client.call(COMMAND.GET_REGION_INFO, regionInfo.encode({ argsz: 32, index }));
      return regionInfo.decode(reply).size;
    });
    expect(sizes).toEqual([0x2_0000, 0, 0, 0, 0x4000, 0, 0, 4096, 0]);
    const vectors = Array.from({ length: 5 }, (_, index) => {
      const { count, flags } = irqInfo.decode(client.call(COMMAND.GET_IRQ_INFO, irqInfo.encode({ argsz: 16, index })));
      return [count, flags];
    });
    expect([vectors[IRQ.intx], vectors[IRQ.msix], vectors[IRQ.error], vectors[IRQ.request]]).toEqual([
      [1, 7],
      [64, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  it('has a configuration space, in one piece or in bytes, whose BARs tell their sizes', () => {
    const lab = new Lab();
    const whole = lab.read(REGION.config, 0, 4096);
    expect(whole.readUInt32LE(0)).toBe(0x10fb_8086);
    expect(lab.read(REGION.config, 1, 3)).toEqual(whole.subarray(1, 4));
    lab.write32(REGION.config, 0x10, 0xffff_ffff);
    expect(lab.read32(REGION.config, 0x10)).toBe(0xfffe_0004);
    lab.write32(REGION.config, 0x10, 0xfebc_0000);
    expect(lab.read32(REGION.config, 0x10)).toBe(0xfebc_0004);
    lab.write(REGION.config, PCI_COMMAND, new Uint8Array([6]));
    expect(lab.read(REGION.config, PCI_COMMAND, 2).readUInt16LE()).toBe(6);
  });

  it('has a configuration space of 256 bytes if it is conventional', () => {
    const lab = new Lab({ device: ServedDevice.create('virtio', { kind: 'legacy' }) });
    const info = regionInfo.decode(
      lab.client.call(COMMAND.GET_REGION_INFO, regionInfo.encode({ index: REGION.config })),
    );
    expect(info.size).toBe(256);
    expect(lab.read(REGION.config, 0, 256).readUInt32LE()).toBe(0x1000_1af4);
    expect(() => lab.read(REGION.config, 256, 4)).toThrow(refused(EINVAL));
  });

  it('has registers, read in parts and written in runs', () => {
    const lab = new Lab();
    const [low, high] = [ixgbe.RAL.at(1), ixgbe.RAH.at(1)];
    lab.write(0, low, new Uint8Array([1, 2, 3, 4, 5, 6, 0, 0]));
    expect([lab.read32(0, low), lab.read32(0, high)]).toEqual([0x0403_0201, 0x0605]);
    expect([...lab.read(0, low, 8)]).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
    expect([...lab.read(0, low + 1, 2)]).toEqual([2, 3]);
  });

  it('takes posted writes, alone and together, in order', () => {
    const lab = new Lab();
    const data = (value: number) => new Uint8Array([value, 0, 0, 0]);
    const at = ixgbe.RAL.at(1);
    lab.client.post(COMMAND.REGION_WRITE, regionAccess.encode({ offset: at, region: 0, count: 4 }, data(1)));
    expect(lab.read32(0, at)).toBe(1);
    const writes = [2, 3].map((value) => ({ offset: at, region: 0, data: data(value) }));
    lab.client.post(COMMAND.WRITE_MULTI, encodeWriteMulti(writes));
    expect(lab.read32(0, at)).toBe(3);
    expect(lab.device.regions.writes).toBe(3);
  });

  it.each([
    ['beyond a BAR', (lab: Lab) => lab.read(0, 0x1_fffe, 4)],
    ['of a BAR that is not there', (lab: Lab) => lab.read(1, 0, 4)],
    ['of nothing', (lab: Lab) => lab.read(0, 0, 0)],
    ['of a region that is none', (lab: Lab) => lab.read(1000, 0, 4)],
    ['narrower than the registers, when writing', (lab: Lab) => lab.write(0, 8, new Uint8Array(2))],
    ['between two registers, when writing', (lab: Lab) => lab.write(0, 9, new Uint8Array(4))],
    ['longer than any register, when writing', (lab: Lab) => lab.write(0, 0, new Uint8Array(128))],
  ])('refuses accesses %s, and goes on', (_, access) => {
    const lab = new Lab();
    expect(() => access(lab)).toThrow(refused(EINVAL));
    expect(lab.warnings).toHaveLength(1);
    expect(lab.read32(0, ixgbe.STATUS.at(0))).toBeGreaterThan(0);
  });

  it('refuses commands that it does not know', () => {
    const lab = new Lab();
    for (const command of [6, 14, 99])
      expect(() => lab.client.call(command, new Uint8Array(4))).toThrow(refused(ENOTSUP));
  });

  it('is reset', () => {
    const lab = new Lab();
    lab.write32(0, ixgbe.RAL.at(1), 77);
    lab.reset();
    expect(lab.read32(0, ixgbe.RAL.at(1))).toBe(0);
  });

  it('tells an observer of each access', () => {
    const lab = new Lab();
    const seen: unknown[] = [];
    lab.device.regions.onAccess = (...access) => seen.push(access);
    lab.write32(0, ixgbe.RAL.at(1), 0x8000_0001);
    lab.read(REGION.config, 0, 6);
    expect(seen).toEqual([
      [true, 0, ixgbe.RAL.at(1), 4, 0x8000_0001],
      [false, 7, 0, 4, 0x10fb_8086],
      [false, 7, 4, 2, 0],
    ]);
  });
});

describe('interrupts of a served device', () => {
  /** Causes an interrupt, and lets the device announce it. */
  const cause = (lab: Lab): void => {
    lab.write32(0, ixgbe.EICS.at(0), CAUSE);
    lab.run();
  };
  const allow = (lab: Lab): void => {
    lab.write(REGION.config, PCI_COMMAND, new Uint8Array([PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER, 0]));
    lab.write32(0, ixgbe.EIMS.at(0), CAUSE);
    lab.write32(0, ixgbe.IVAR_MISC.at(0), 0x8300); // other causes: vector 3
  };
  const set = (lab: Lab, flags: number, index: number, start: number, count: number, data?: Uint8Array): void => {
    lab.client.call(COMMAND.SET_IRQS, irqSet.encode({ argsz: 20, flags, index, start, count }, data));
  };

  it('come as messages, to the vector that the driver chose', () => {
    const lab = new Lab();
    const events = [eventfd(), eventfd(), eventfd(), eventfd()];
    lab.setInterrupts(IRQ.msix, 0, events);
    allow(lab);
    cause(lab);
    expect(events.map(fired)).toEqual([0, 0, 0, 1]);
    expect(lab.device.interrupts.sent).toBe(1);
  });

  it('are added one by one, taken away, and kept while nobody takes them', () => {
    const lab = new Lab();
    const [first, third] = [eventfd(), eventfd()];
    lab.setInterrupts(IRQ.msix, 0, [first]);
    allow(lab);
    cause(lab);
    lab.setInterrupts(IRQ.msix, 3, [third]);
    expect([fired(first), fired(third)]).toEqual([0, 1]);
    lab.disableInterrupts(IRQ.msix);
    lab.read32(0, ixgbe.EICR.at(0));
    cause(lab);
    expect([fired(first), fired(third)]).toEqual([0, 0]);
  });

  it('outlive a reset of the device', () => {
    const lab = new Lab();
    const event = eventfd();
    lab.setInterrupts(IRQ.msix, 3, [event]);
    lab.reset();
    lab.write(REGION.config, 0x72, new Uint8Array([0, 0x80]));
    allow(lab);
    cause(lab);
    expect(fired(event)).toBe(1);
  });

  it('come over the line until they are masked, and again when they are not withdrawn', () => {
    const lab = new Lab();
    const event = eventfd();
    lab.setInterrupts(IRQ.intx, 0, [event]);
    allow(lab);
    cause(lab);
    expect(fired(event)).toBe(1);
    cause(lab);
    expect(fired(event)).toBe(0);
    set(lab, IRQ_DATA_NONE | IRQ_UNMASK, IRQ.intx, 0, 1);
    expect(fired(event)).toBe(1);
    lab.read32(0, ixgbe.EICR.at(0));
    set(lab, IRQ_DATA_NONE | IRQ_UNMASK, IRQ.intx, 0, 1);
    expect(fired(event)).toBe(0);
    set(lab, IRQ_DATA_BOOL | IRQ_MASK, IRQ.intx, 0, 1, new Uint8Array([1]));
    lab.write32(0, ixgbe.EIMS.at(0), CAUSE);
    cause(lab);
    expect(fired(event)).toBe(0);
    set(lab, IRQ_DATA_BOOL | IRQ_UNMASK, IRQ.intx, 0, 1, new Uint8Array([1]));
    expect(fired(event)).toBe(1);
  });

  it('come by MSI to clients that have enabled no MSI-X, once for each cause', () => {
    const lab = new Lab({ device: ServedDevice.create('ixgbe', { messages: 'msi' }) });
    const event = eventfd();
    lab.setInterrupts(IRQ.msi, 0, [event]);
    allow(lab);
    cause(lab);
    cause(lab);
    expect(fired(event)).toBe(1);
    lab.read32(0, ixgbe.EICR.at(0));
    cause(lab);
    expect(fired(event)).toBe(1);
    expect(() => lab.setInterrupts(IRQ.msix, 0, [event])).toThrow(refused(EINVAL));
  });

  it('come by MSI to clients that forbid the line, and leave configuration space alone', () => {
    const lab = new Lab({ device: ServedDevice.create('ixgbe', { messages: 'msi' }) });
    const event = eventfd();
    lab.setInterrupts(IRQ.msi, 0, [event]);
    allow(lab);
    lab.write(REGION.config, PCI_COMMAND + 1, new Uint8Array([PCI_COMMAND_INTX_DISABLE >>> 8]));
    cause(lab);
    expect(fired(event)).toBe(1);
    expect(lab.read(REGION.config, MSI_CONTROL, 1)[0] & 1).toBe(1);
    lab.disableInterrupts(IRQ.msi);
    expect(lab.read(REGION.config, MSI_CONTROL, 1)[0] & 1).toBe(0);
  });

  it('can be triggered by hand', () => {
    const lab = new Lab();
    const events = [eventfd(), eventfd()];
    lab.setInterrupts(IRQ.msix, 0, events);
    set(lab, IRQ_DATA_NONE | IRQ_TRIGGER, IRQ.msix, 1, 1);
    set(lab, IRQ_DATA_BOOL | IRQ_TRIGGER, IRQ.msix, 0, 2, new Uint8Array([1, 0]));
    expect(events.map(fired)).toEqual([1, 1]);
  });

  it('are refused where they cannot be', () => {
    const lab = new Lab();
    const event = eventfd();
    const { descriptor } = sharedMemory(4096);
    const before = openDescriptors();
    expect(() => lab.setInterrupts(IRQ.msix, 64, [event])).toThrow(refused(EINVAL));
    expect(() => lab.setInterrupts(IRQ.error, 0, [event])).toThrow(refused(EINVAL));
    expect(() => lab.setInterrupts(7, 0, [])).toThrow(refused(EINVAL));
    expect(() => lab.setInterrupts(IRQ.msix, 0, [event, descriptor])).toThrow(refused(EINVAL));
    expect(() => set(lab, IRQ_DATA_NONE | IRQ_UNMASK, IRQ.msix, 0, 1)).toThrow(refused(EINVAL));
    expect(() => set(lab, 0xff, IRQ.intx, 0, 1, new Uint8Array(1))).toThrow(refused(EINVAL));
    expect(openDescriptors()).toBe(before);
    expect(lab.warnings.at(-3)).toMatch(/must be eventfds, found \/memfd/);
  });

  it('leave no eventfd behind', () => {
    const lab = new Lab();
    const before = openDescriptors();
    const events = [eventfd(), eventfd()];
    lab.setInterrupts(IRQ.msix, 0, events);
    lab.setInterrupts(IRQ.msix, 0, events);
    lab.setInterrupts(IRQ.intx, 0, [events[0]]);
    lab.disableInterrupts(IRQ.msix);
    lab.disableInterrupts(IRQ.intx);
    expect(openDescriptors()).toBe(before + 2);
  });
});

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
