import { chmodSync, readFileSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { addon } from '../../src/native/addon.ts';
import { machineClock } from '../../src/pci/machine-clock.ts';
import { openPciDevice } from '../../src/pci/open-pci-device.ts';
import { PCI_COMMAND_BUS_MASTER, PCI_COMMAND_MEMORY, type PciDevice } from '../../src/pci/pci-device.ts';
import { FakeSysfs } from '../support/fake-sysfs.ts';
import { mappingsOf, openDescriptors } from '../support/process.ts';

const ADDRESS = '0000:03:00.0';
const closed = expect.objectContaining({ code: 'ERR_CLOSED' });
const badArgument = expect.objectContaining({ code: 'ERR_ARGUMENT' });

function open(fake = new FakeSysfs().add(ADDRESS)): { device: PciDevice; fake: FakeSysfs } {
  const device = openPciDevice(ADDRESS, { sysfs: fake.sysfs });
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

  it('memory decoding is on once the device is open', () => {
    expect(commandRegister(open().fake) & PCI_COMMAND_MEMORY).toBe(PCI_COMMAND_MEMORY);
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
    expect(commandRegister(fake)).toBe(0x0540 | PCI_COMMAND_MEMORY | PCI_COMMAND_BUS_MASTER);
    device.setBusMaster(false);
    device.setBusMaster(false);
    expect(commandRegister(fake)).toBe(0x0540 | PCI_COMMAND_MEMORY);
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
    expect(events).toEqual(['arm while off', `0x4: ${PCI_COMMAND_MEMORY},0`, 'disarm while off']);
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
