import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { machineClock } from '../../src/pci/machine-clock.ts';
import { openPciDevice } from '../../src/pci/open-pci-device.ts';
import {
  PCI_COMMAND_BUS_MASTER,
  PCI_COMMAND_INTX_DISABLE,
  PCI_COMMAND_IO,
  PCI_COMMAND_MEMORY,
  type PciDevice,
} from '../../src/pci/pci-device.ts';
import { FakeSysfs } from '../support/fake-sysfs.ts';
import { mappingsOf, openDescriptors } from '../support/process.ts';

const ADDRESS = '0000:03:00.0';
const DECODES = PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
const closed = expect.objectContaining({ code: 'ERR_CLOSED' });
const badArgument = expect.objectContaining({ code: 'ERR_ARGUMENT' });

function open(fake = new FakeSysfs().add(ADDRESS)): { device: PciDevice; fake: FakeSysfs } {
  const device = openPciDevice(ADDRESS, { sysfs: fake.sysfs, devices: fake.root });
  onTestFinished(() => device.close());
  return { device, fake };
}

function commandRegister(fake: FakeSysfs): number {
  return readFileSync(fake.path(ADDRESS, 'config')).readUInt16LE(4);
}

describe('configuration space', () => {
  it('is little-endian, unsigned, in three widths', () => {
    const { config } = open().device;
    expect([config.read16(0), config.read8(0), config.read8(1)]).toEqual([0x8086, 0x86, 0x80]);
    config.write32(0x40, 0xfedc_ba98);
    expect([config.read32(0x40), config.read16(0x42), config.read8(0x40)]).toEqual([0xfedc_ba98, 0xfedc, 0x98]);
    config.write16(0x44, 0xabcd);
    config.write8(0x46, 0xef);
    expect(config.read32(0x44)).toBe(0x00ef_abcd);
  });

  it.each([-4, 2, 0.5, 4096, Number.NaN, 2 ** 40])('has no word at offset %d', (offset) => {
    const { config } = open().device;
    expect(() => config.read32(offset)).toThrow(badArgument);
    expect(() => config.write32(offset, 0)).toThrow(badArgument);
  });

  it('decoding of memory and I/O ports is on once the device is open', () => {
    expect(commandRegister(open().fake)).toBe(DECODES);
  });
});

describe('registers', () => {
  it('are the BAR itself', () => {
    const { device, fake } = open();
    const bar = device.bar(0);
    expect(bar.size).toBe(131_072);
    bar.write32(0x42a4, 0x8000_0001);
    expect(bar.read32(0x42a4)).toBe(0x8000_0001);
    expect(readFileSync(fake.path(ADDRESS, 'resource0')).readUInt32LE(0x42a4)).toBe(0x8000_0001);
    bar.doorbells[0x6018 >> 2] = 511;
    expect(bar.read32(0x6018)).toBe(511);
    expect(device.bar(0)).toBe(bar);
  });

  it('no offset but a multiple of 4 within the BAR reaches memory', () => {
    const bar = open().device.bar(0);
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: -8, max: bar.size + 8 }), fc.double()), (offset) => {
        if (Number.isInteger(offset) && offset % 4 === 0 && offset >= 0 && offset < bar.size) {
          expect(bar.read32(offset)).toBe(0);
        } else {
          expect(() => bar.read32(offset)).toThrow(badArgument);
          expect(() => bar.write32(offset, 1)).toThrow(badArgument);
        }
      }),
      { seed: 6 },
    );
  });

  it('behind I/O ports are read and written, each in its own width', () => {
    const fake = new FakeSysfs().add(ADDRESS, { bars: { 0: 32, 1: 4096 }, ports: [0] });
    const { device } = open(fake);
    const ports = device.bar(0);
    ports.write32(0, 0x1234_5678);
    ports.write16(4, 0xbeef);
    ports.write8(31, 0x80);
    expect([ports.size, ports.doorbells.length]).toEqual([32, 0]);
    expect([ports.read8(0), ports.read16(2), ports.read32(4), ports.read8(31)]).toEqual([0x78, 0x1234, 0xbeef, 0x80]);
    expect(device.bar(1).doorbells.length).toBe(1024);
    expect(mappingsOf(fake.root)).toBe(1);
    for (const offset of [-1, 1, 31, 32]) expect(() => ports.read16(offset)).toThrow(badArgument);
    device.close();
    expect(() => ports.read8(0)).toThrow(closed);
  });

  it.each([-1, 6, 0.5, 1])('the device has no BAR %d', (index) => {
    expect(() => open().device.bar(index)).toThrow(badArgument);
  });

  it('a BAR that cannot be mapped is an error with the cause', () => {
    const fake = new FakeSysfs().add(ADDRESS, { bars: { 0: 4096, 2: 0 } });
    const { device } = open(fake);
    expect(() => device.bar(2)).toThrow(expect.objectContaining({ code: 'ERR_SYSTEM' }));
    const locked = vi.spyOn(addon(), 'mmap').mockImplementation(() => {
      throw Object.assign(new Error('EPERM: Operation not permitted, mmap'), { code: 'EPERM' });
    });
    onTestFinished(() => locked.mockRestore());
    expect(() => device.bar(0)).toThrow(
      expect.objectContaining({ code: 'ERR_PERMISSION', message: expect.stringContaining('Secure Boot') }),
    );
  });
});

describe('bus mastering', () => {
  it('is switched in the command register, and nothing else there', () => {
    const fake = new FakeSysfs().add(ADDRESS, { command: 0x0540 });
    const { device } = open(fake);
    device.setBusMaster(true);
    device.setBusMaster(true);
    expect(commandRegister(fake)).toBe(0x0540 | DECODES | PCI_COMMAND_BUS_MASTER);
    device.setBusMaster(false);
    device.setBusMaster(false);
    expect(commandRegister(fake)).toBe(0x0540 | DECODES);
  });

  it('has a dead man’s switch, armed before it goes on and disarmed after it went off', () => {
    const { device, fake } = open();
    const events: string[] = [];
    const { armCleanupWrite, disarmCleanupWrite } = addon();
    const masters = (): string => (commandRegister(fake) & PCI_COMMAND_BUS_MASTER ? 'on' : 'off');
    const arm = vi.spyOn(addon(), 'armCleanupWrite').mockImplementation((...args) => {
      events.push(`arm while ${masters()}`, `0x${args[1]}: ${args[2]}`);
      return armCleanupWrite(...args);
    });
    const disarm = vi.spyOn(addon(), 'disarmCleanupWrite').mockImplementation((token) => {
      events.push(`disarm while ${masters()}`);
      disarmCleanupWrite(token);
    });
    onTestFinished(() => [arm, disarm].forEach((spy) => void spy.mockRestore()));
    device.setBusMaster(true);
    device.setBusMaster(true);
    device.close();
    expect(events).toEqual(['arm while off', `0x4: ${DECODES},0`, 'disarm while off']);
  });
});

describe('interrupts', () => {
  it('are absent without a UIO driver', () => {
    expect(open().device.interrupts).toBeUndefined();
  });

  it('of a UIO device are its line, masked and unmasked in the command register', () => {
    // What the kernel keeps in /dev/uioN is a counter that can be waited for: an eventfd of four bytes, so to say.
    const fake = new FakeSysfs().add(ADDRESS, { driver: 'uio_pci_generic', uio: 'uio3' });
    const { device } = open(fake);
    const { interrupts } = device;
    const masked = () => (commandRegister(fake) & PCI_COMMAND_INTX_DISABLE) !== 0;
    expect(interrupts).toMatchObject({ kind: 'intx', maximum: 1 });
    device.config.write16(4, PCI_COMMAND_INTX_DISABLE);
    const [line] = interrupts?.enable(1) ?? [];
    expect(masked()).toBe(false);
    device.config.write16(4, PCI_COMMAND_INTX_DISABLE);
    writeFileSync(join(fake.root, 'uio3'), Buffer.from([1, 0, 0, 0]));
    expect(line.wait(0)).toBe(true);
    expect(masked()).toBe(true);
    line.unmask();
    expect(masked()).toBe(false);
    interrupts?.disable();
    expect(masked()).toBe(true);
    expect(() => interrupts?.enable(2)).toThrow(badArgument);
  });

  it('of a UIO device that may not be opened are an error with the cause', () => {
    const before = openDescriptors();
    const fake = new FakeSysfs().add(ADDRESS, { driver: 'uio_pci_generic', uio: 'uio3' });
    rmSync(join(fake.root, 'uio3'));
    expect(() => open(fake)).toThrow(
      expect.objectContaining({ code: 'ERR_SYSTEM', message: expect.stringContaining('uio3') }),
    );
    expect(openDescriptors()).toBe(before);
  });
});

describe('close', () => {
  it('ends bus mastering and gives everything back, once', () => {
    const before = openDescriptors();
    const { device, fake } = open();
    const bar = device.bar(0);
    device.setBusMaster(true);
    expect(mappingsOf(fake.root)).toBe(1);
    device.close();
    device.close();
    expect(commandRegister(fake) & PCI_COMMAND_BUS_MASTER).toBe(0);
    expect(mappingsOf(fake.root)).toBe(0);
    expect(openDescriptors()).toBe(before);
    expect(() => bar.read32(0)).toThrow(closed);
    expect(() => bar.write32(0, 0)).toThrow(closed);
    expect(() => device.config.read16(0)).toThrow(closed);
    expect(() => device.bar(0)).toThrow(closed);
    expect(() => device.setBusMaster(true)).toThrow(closed);
  });

  it('gives everything back even when the device does not answer any more', () => {
    const before = openDescriptors();
    const { device, fake } = open();
    device.bar(0);
    device.setBusMaster(true);
    const gone = vi.spyOn(device.config, 'write16').mockImplementation(() => {
      throw new Error('ENODEV: no such device, write');
    });
    expect(() => device.close()).toThrow('ENODEV');
    gone.mockRestore();
    device.close();
    expect(mappingsOf(fake.root)).toBe(0);
    expect(openDescriptors()).toBe(before);
  });
});

describe('a device in use', () => {
  it('is refused a second time, until it is closed', () => {
    const before = openDescriptors();
    const fake = new FakeSysfs().add(ADDRESS);
    const first = openPciDevice(ADDRESS, { sysfs: fake.sysfs });
    first.setBusMaster(true);
    expect(() => openPciDevice(ADDRESS, { sysfs: fake.sysfs })).toThrow(
      expect.objectContaining({ code: 'ERR_DEVICE_BUSY' }),
    );
    first.close();
    openPciDevice(ADDRESS, { sysfs: fake.sysfs }).close();
    expect(openDescriptors()).toBe(before);
  });

  it('whose files went away is a clear error', () => {
    const fake = new FakeSysfs().add(ADDRESS);
    rmSync(fake.path(ADDRESS, 'config'));
    expect(() => openPciDevice(ADDRESS, { sysfs: fake.sysfs })).toThrow(
      expect.objectContaining({ code: 'ERR_SYSTEM', message: expect.stringContaining('ENOENT') }),
    );
  });

  // Root may write what nobody may.
  it.skipIf(process.getuid?.() === 0)('whose files may not be written needs root', () => {
    const fake = new FakeSysfs().add(ADDRESS);
    chmodSync(fake.path(ADDRESS, 'config'), 0o444);
    expect(() => openPciDevice(ADDRESS, { sysfs: fake.sysfs })).toThrow(
      expect.objectContaining({ code: 'ERR_PERMISSION' }),
    );
  });
});

describe('the machine’s clock', () => {
  it('goes on while one sleeps or pauses', async () => {
    const begin = machineClock.now();
    await machineClock.sleep(2);
    const slept = machineClock.now();
    machineClock.pause(2);
    expect(slept).toBeGreaterThan(begin);
    expect(machineClock.now()).toBeGreaterThan(slept);
  });
});
