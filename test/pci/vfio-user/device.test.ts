/** A served NIC as one more PciDevice: what a driver relies on, with the server on the same thread. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { COMMON } from '../../../src/datasheet/virtio/pci.ts';
import { allocateSharedMemory } from '../../../src/memory/memfd-memory.ts';
import { allocatePlainMemory } from '../../../src/memory/plain-memory.ts';
import { PCI_COMMAND, PCI_COMMAND_BUS_MASTER } from '../../../src/pci/pci-device.ts';
import { VfioUserDomain } from '../../../src/pci/vfio-user/domain.ts';
import { REGION, REGION_MAPPABLE, regionInfo } from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';
import { mappingsOf, openDescriptors } from '../../support/process.ts';
import { ServedNic } from './served-nic.ts';

const GONE = expect.objectContaining({
  code: 'ERR_DEVICE_GONE',
  message: 'nic: the connection is lost: the server has closed the connection',
});
/** Longer than anything takes that does not wait. */
const LONG_MILLISECONDS = 20_000;
/** The modern interface of the virtio model. Its common structure begins the BAR. */
const MODERN_BAR = 4;
/** Doorbells in that BAR. */
const NOTIFY = 0x3000;

function sharedMemory(bytes: number) {
  const memory = allocateSharedMemory(bytes);
  onTestFinished(() => memory.free());
  return memory;
}

describe('a device of another process', () => {
  it('has configuration space and registers', () => {
    const { device } = new ServedNic('ixgbe', { mac: '02:00:00:00:00:0a' });
    expect([device.vendorId, device.deviceId, device.numaNode]).toEqual([0x8086, 0x10fb, -1]);
    expect([device.config.read8(0), device.config.read16(2), device.config.read32(0)]).toEqual([
      0x86, 0x10fb, 0x10fb_8086,
    ]);
    const bar = device.bar(0);
    expect([bar.size, device.bar(0) === bar]).toEqual([0x2_0000, true]);
    expect(bar.read32(ixgbe.RAL.at(0))).toBe(0x0000_0002);
    bar.write32(ixgbe.RAL.at(1), 0xfedc_ba98);
    expect(bar.read32(ixgbe.RAL.at(1))).toBe(0xfedc_ba98);
  });

  it('has registers of any width, where it has such', () => {
    const { device } = new ServedNic('virtio', {});
    const bar = device.bar(MODERN_BAR);
    bar.write8(COMMON.DEVICE_STATUS, 1);
    expect(bar.read8(COMMON.DEVICE_STATUS)).toBe(1);
    bar.write16(COMMON.QUEUE_SELECT, 1);
    expect(bar.read16(COMMON.QUEUE_SELECT)).toBe(1);
  });

  it('refuses what is not there', () => {
    const { device } = new ServedNic('ixgbe', {});
    const argument = expect.objectContaining({ code: 'ERR_ARGUMENT' });
    for (const index of [1, 5, 6, -1, 0.5]) expect(() => device.bar(index)).toThrow(argument);
    for (const offset of [2, -4, 0x2_0000, Number.NaN]) expect(() => device.bar(0).read32(offset)).toThrow(argument);
    expect(() => device.config.write16(0x1000, 0)).toThrow(argument);
  });

  it('may do DMA only while it is allowed to', () => {
    const { device, served } = new ServedNic('ixgbe', {});
    const allowed = () => (served.model.config.read16(PCI_COMMAND) & PCI_COMMAND_BUS_MASTER) !== 0;
    expect(allowed()).toBe(false);
    device.setBusMaster(true);
    expect(allowed()).toBe(true);
    device.close();
    expect(allowed()).toBe(false);
  });

  it('begins as after a reset, whatever happened to it before', () => {
    const nic = new ServedNic('ixgbe', {});
    nic.device.bar(0).write32(ixgbe.RAL.at(1), 7);
    nic.client.call(COMMAND.RESET, new Uint8Array(0));
    expect(nic.device.bar(0).read32(ixgbe.RAL.at(1))).toBe(0);
  });
});

describe('doorbells', () => {
  const { RDT } = ixgbe;

  it('are stored into, and seen before any register access that follows', () => {
    const { device, served } = new ServedNic('virtio', {});
    const bar = device.bar(MODERN_BAR);
    expect(bar.doorbells.byteLength).toBe(bar.size);
    new Uint16Array(bar.doorbells.buffer)[NOTIFY / 2] = 0;
    expect(served.model.violations).toEqual([]);
    // It would have made the device forget the doorbell.
    bar.write8(COMMON.DEVICE_STATUS, 0);
    expect(served.model.violations.map(({ rule }) => rule)).toEqual(['notify.early', 'notify.not-enabled']);
  });

  it('are offered for BARs that have some, to clients that ask', () => {
    for (const [doorbells, flags] of [
      [true, REGION_MAPPABLE],
      [false, 0],
    ] as const) {
      const { client } = new ServedNic('ixgbe', {}, { doorbells });
      expect(client.version.doorbells).toBe(doorbells);
      const found = [REGION.bar, REGION.bar + 3, REGION.config].map((index) => {
        return client.ask(COMMAND.GET_REGION_INFO, regionInfo.encode({ index }), (payload, descriptors) => [
          regionInfo.decode(payload).flags & REGION_MAPPABLE,
          descriptors.length,
        ]);
      });
      expect(found).toEqual([
        [flags, flags ? 1 : 0],
        [0, 0],
        [0, 0],
      ]);
    }
  });

  it('are empty where the server has none', () => {
    const { device } = new ServedNic('ixgbe', {}, { doorbells: false });
    expect(device.bar(0).doorbells).toHaveLength(0);
  });

  it('ring nothing once the client has gone', () => {
    const nic = new ServedNic('ixgbe', {});
    const { doorbells } = nic.device.bar(0);
    nic.kill();
    doorbells[RDT.at(0) >>> 2] = 17;
    expect(nic.served.model.bars.get(0)?.doorbells[RDT.at(0) >>> 2]).toBe(-1);
    nic.device.close();
    expect(doorbells).toHaveLength(0);
  });
});

describe('memory', () => {
  it('has one address for all devices, also for those that come later', () => {
    const domain = new VfioUserDomain();
    const first = new ServedNic('ixgbe', {}, { domain });
    const [one, two] = [sharedMemory(4096), sharedMemory(2 ** 22)];
    for (const memory of [one, two]) domain.map(memory);
    const second = new ServedNic('virtio', {}, { domain });
    expect(domain.addressOf(one, 5) - domain.addressOf(one, 0)).toBe(5);
    expect(domain.addressOf(one, 0)).toBeGreaterThanOrEqual(2 ** 32);
    expect(mappingsOf('ixy-dma')).toBe(6);
    domain.unmap(one);
    expect(mappingsOf('ixy-dma')).toBe(4);
    for (const { refusals } of [first, second]) expect(refusals).toEqual([]);
    expect(() => domain.addressOf(one, 0)).toThrow(expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }));
    expect(() => domain.addressOf(two, two.size)).toThrow(expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }));
  });

  it('is unmapped with the last of its users', () => {
    const { device } = new ServedNic('ixgbe', {});
    const memory = sharedMemory(4096);
    const before = mappingsOf('ixy-dma');
    device.dma.map(memory);
    device.dma.map(memory);
    device.dma.unmap(memory);
    expect(mappingsOf('ixy-dma')).toBe(before + 1);
    device.dma.unmap(memory);
    expect(mappingsOf('ixy-dma')).toBe(before);
    expect(() => device.dma.unmap(memory)).toThrow(expect.objectContaining({ code: 'ERR_DMA_UNMAPPED' }));
  });

  it('must have a descriptor', () => {
    const { device } = new ServedNic('ixgbe', {});
    expect(() => device.dma.map(allocatePlainMemory(4096))).toThrow(
      expect.objectContaining({ code: 'ERR_DMA_UNMAPPED', message: expect.stringMatching(/allocateSharedMemory$/) }),
    );
  });

  it('that a server refuses is mapped for none', () => {
    const domain = new VfioUserDomain();
    const [willing, other] = [new ServedNic('ixgbe', {}, { domain }), new ServedNic('ixgbe', {}, { domain })];
    const memory = sharedMemory(4096);
    const before = mappingsOf('ixy-dma');
    // The next address that will be handed out.
    domain.map(memory);
    const address = domain.addressOf(memory, 0);
    domain.unmap(memory);
    other.served.memory.map({ address, size: 4096, offset: 0, flags: 0 }, undefined);
    expect(() => domain.map(memory)).toThrow(expect.objectContaining({ code: 'ERR_SYSTEM' }));
    expect(mappingsOf('ixy-dma')).toBe(before);
    other.served.memory.unmap(address, 4096);
    domain.map(memory);
    expect(domain.addressOf(memory, 0)).toBe(address);
    expect(willing.refusals).toEqual([]);
  });

  it('may be mapped and unmapped while a server is gone', () => {
    const domain = new VfioUserDomain();
    const [gone, there] = [new ServedNic('ixgbe', {}, { domain }), new ServedNic('ixgbe', {}, { domain })];
    gone.kill();
    const memory = sharedMemory(4096);
    domain.map(memory);
    domain.unmap(memory);
    expect(there.refusals).toEqual([]);
  });
});

describe('interrupts', () => {
  /** The link's causes go to vector 50, and there is one. */
  function fire({ device }: ServedNic): void {
    device.setBusMaster(true);
    const bar = device.bar(0);
    bar.write32(ixgbe.EIMS.offset, ixgbe.EIMS.bits.LSC.mask);
    bar.write32(ixgbe.IVAR_MISC.offset, 0x8000 | (50 << 8));
    bar.write32(ixgbe.EICS.offset, ixgbe.EICS.bits.LSC.mask);
  }

  it('come by as many vectors as there are', () => {
    const nic = new ServedNic('ixgbe', {});
    const { interrupts } = nic.device;
    expect(interrupts).toMatchObject({ kind: 'msix', maximum: 64 });
    const vectors = interrupts?.enable(64) ?? [];
    fire(nic);
    nic.run();
    expect(vectors.map((vector) => vector.wait(0)).indexOf(true)).toBe(50);
    expect(vectors.some((vector) => vector.wait(0))).toBe(false);
    interrupts?.disable();
    expect(nic.refusals).toEqual([]);
  });

  it('are enabled once, and within their number', () => {
    const { device } = new ServedNic('ixgbe', {});
    const argument = expect.objectContaining({ code: 'ERR_ARGUMENT' });
    expect(() => device.interrupts?.enable(65)).toThrow(argument);
    device.interrupts?.enable(1);
    expect(() => device.interrupts?.enable(1)).toThrow(argument);
  });

  it('mask their line, until they are unmasked', () => {
    const nic = new ServedNic('virtio', { vectors: 0 });
    const { interrupts } = nic.device;
    expect(interrupts).toMatchObject({ kind: 'intx', maximum: 1 });
    const [line] = interrupts?.enable(1) ?? [];
    const raise = () =>
      nic.served.interrupts.set({ flags: 0x21, index: 0, start: 0, count: 1, chosen: new Uint8Array(0) }, []);
    raise();
    nic.run();
    expect(line.wait(0)).toBe(true);
    line.unmask();
    raise();
    nic.run();
    expect(line.wait(0)).toBe(true);
    expect(nic.refusals).toEqual([]);
  });

  it('that are waited for end when the server does', async () => {
    const nic = new ServedNic('ixgbe', {});
    const [first, second] = nic.device.interrupts?.enable(2) ?? [];
    nic.kill();
    const begin = performance.now();
    expect(first.wait(LONG_MILLISECONDS)).toBe(false);
    expect(performance.now() - begin).toBeLessThan(LONG_MILLISECONDS);
    let calls = 0;
    second.handle(() => calls++);
    while (calls === 0) await setImmediate();
    expect(() => nic.device.bar(0).read32(0)).toThrow(GONE);
  });
});

describe('a device whose server has gone', () => {
  it('says so at each access, and why', () => {
    const nic = new ServedNic('ixgbe', {});
    const bar = nic.device.bar(0);
    nic.kill();
    const accesses = [
      () => bar.read32(0),
      () => bar.write32(ixgbe.RAL.at(1), 0),
      () => nic.device.config.read16(0),
      () => nic.device.bar(3),
      () => nic.device.setBusMaster(true),
    ];
    for (const access of accesses) expect(access).toThrow(GONE);
    nic.device.close();
    expect(() => bar.read32(0)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  it('leaves nothing behind, however it ended', async () => {
    // What the event loop has yet to close.
    await setTimeout(0);
    const before = [openDescriptors(), mappingsOf('ixy-d')];
    const memory = allocateSharedMemory(4096);
    for (const [kill, noticed] of [
      [false, false],
      [true, true],
      [true, false],
    ]) {
      const nic = new ServedNic('ixgbe', {});
      nic.device.dma.map(memory);
      nic.device.interrupts?.enable(20);
      nic.device.bar(0);
      if (kill) nic.kill();
      if (noticed) expect(() => nic.device.config.read8(0)).toThrow(GONE);
      nic.device.close();
      nic.device.close();
      nic.device.dma.unmap(memory);
      nic.kill();
    }
    memory.free();
    while (openDescriptors() !== before[0]) await setImmediate();
    expect([openDescriptors(), mappingsOf('ixy-d')]).toEqual(before);
  });
});
