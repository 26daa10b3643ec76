import { describe, expect, test } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { PCI_COMMAND, PCI_COMMAND_INTX_DISABLE } from '../../../src/pci/pci-device.ts';
import { frameTo, type Lab, MAC, startLab } from './test-driver.ts';

const { EICR, EICS, EIMS, EIMC, EIAC, EIAM, EIMS_EXT, EIAM_EXT, EICS_EXT, GPIE, IVAR, IVAR_MISC, EITR } = ixgbe;
const MSI_CONTROL = 0x52;
const MSIX_CONTROL = 0x72;
const PCI_STATUS = 0x06;
const { LSC } = EICR.bits;

function labWithVectors(msix = false): Lab & { fired: number[] } {
  const lab = startLab();
  const fired: number[] = [];
  lab.device.model.onInterrupt = (vector) => fired.push(vector);
  if (msix) {
    lab.device.config.write16(MSIX_CONTROL, 0x8000);
    for (let vector = 0; vector < 64; vector++) lab.device.bar(4).write32(vector * 16 + 12, 0);
    lab.driver.write(GPIE, GPIE.bits.MULTIPLE_MSIX.mask);
  }
  lab.driver.read(EICR);
  return { ...lab, fired };
}

function receiveOne({ wire, device }: Lab): void {
  wire.send(frameTo(MAC, 60));
  device.step();
}

describe('causes', () => {
  test('come from queues by IVAR, and clear when EICR is read', () => {
    const lab = labWithVectors();
    lab.driver.write(IVAR, 0x80 | 5); // RX queue 0 -> 5
    receiveOne(lab);
    expect(lab.driver.read(EICR)).toBe(1 << 5);
    expect(lab.driver.read(EICR)).toBe(0);
    lab.driver.write(IVAR, 0x8300); // TX queue 0 -> 3
    lab.driver.transmit(frameTo('02:00:00:00:00:02', 60));
    lab.device.step();
    expect(lab.driver.read(EICR)).toBe(1 << 3);
  });

  test('can be set by software, and cleared bit by bit', () => {
    const { driver } = labWithVectors();
    driver.write(EICS, 0x10_0003);
    driver.write(EICR, 0x1);
    expect(driver.read(EICR)).toBe(0x10_0002);
  });

  test('can be looked at without clearing them', () => {
    const { driver } = labWithVectors();
    driver.write(EICS, 0x10_0003);
    expect(driver.read(EICS)).toBe(0x10_0003);
    expect(driver.read(EICS)).toBe(0x10_0003);
    expect(driver.read(EICR)).toBe(0x10_0003);
    expect(driver.read(EICS)).toBe(0);
  });

  test('of links and missed packets', () => {
    const lab = labWithVectors();
    lab.wire.connected = false;
    lab.device.step();
    expect(lab.driver.read(EICR)).toBe(LSC.mask);
    lab.wire.connected = true;
    for (let i = 0; i < 64; i++) lab.wire.send(frameTo(MAC, 60));
    lab.device.simulation.settle();
    expect(lab.driver.read(EICR)).toBe(LSC.mask | EICR.bits.RX_MISS.mask);
  });

  test('of queues survive a read with GPIE.OCD', () => {
    const { driver } = labWithVectors();
    driver.write(GPIE, GPIE.bits.OCD.mask);
    driver.write(EICS, 0x10_0003);
    expect(driver.read(EICR)).toBe(0x10_0003);
    expect(driver.read(EICR)).toBe(0x3);
  });
});

describe('the interrupt line', () => {
  const STATUS_INTERRUPT = 1 << 3;

  test('shows in configuration space, and can be forbidden there', () => {
    const { device, driver, fired } = labWithVectors();
    const { config, model } = device;
    const shown = (): boolean => (config.read16(PCI_STATUS) & STATUS_INTERRUPT) !== 0;
    driver.write(EIMS, LSC.mask);
    expect([shown(), model.lineAsserted]).toEqual([false, false]);
    driver.write(EICS, LSC.mask);
    device.step();
    expect([shown(), model.lineAsserted, fired.length]).toEqual([true, true, 1]);

    config.write16(PCI_COMMAND, config.read16(PCI_COMMAND) | PCI_COMMAND_INTX_DISABLE);
    device.step();
    expect([shown(), model.lineAsserted, fired.length]).toEqual([true, false, 1]);
    config.write16(PCI_COMMAND, config.read16(PCI_COMMAND) & ~PCI_COMMAND_INTX_DISABLE);
    device.step();
    expect([shown(), model.lineAsserted, fired.length]).toEqual([true, true, 2]);
    driver.read(EICR);
    device.step();
    expect([shown(), model.lineAsserted, fired.length]).toEqual([false, false, 2]);

    config.write16(PCI_COMMAND, config.read16(PCI_COMMAND) | PCI_COMMAND_INTX_DISABLE);
    driver.write(EICS, LSC.mask);
    device.step();
    expect([config.read32(PCI_COMMAND) >>> 16 !== 0, shown(), fired.length]).toEqual([true, true, 2]);
    config.write16(PCI_COMMAND, config.read16(PCI_COMMAND) & ~PCI_COMMAND_INTX_DISABLE);
    device.step();
    expect(fired.length).toBe(3);
  });

  test('leaves its place to MSI, which needs no permission for lines', () => {
    const { device, driver, fired } = labWithVectors();
    const { config, model } = device;
    config.write16(PCI_COMMAND, config.read16(PCI_COMMAND) | PCI_COMMAND_INTX_DISABLE);
    config.write16(MSI_CONTROL, 1);
    driver.write(EIMS, LSC.mask);
    driver.write(EICS, LSC.mask);
    device.step();
    expect([config.read16(PCI_STATUS) & STATUS_INTERRUPT, model.lineAsserted, fired]).toEqual([0, false, [0]]);
  });

  test('fires for unmasked causes, once until they are cleared', () => {
    const lab = labWithVectors();
    lab.driver.write(IVAR, 0x80);
    receiveOne(lab);
    expect(lab.fired).toEqual([]);
    lab.driver.write(EIMS, 1);
    expect(lab.fired).toEqual([0]);
    receiveOne(lab);
    expect(lab.fired).toEqual([0]);
    lab.driver.read(EICR);
    receiveOne(lab);
    expect(lab.fired).toEqual([0, 0]);
    lab.driver.write(EIMC, 1);
    lab.driver.read(EICR);
    receiveOne(lab);
    expect(lab.fired).toEqual([0, 0]);
  });

  test('fires for a cause that was masked when another one fired', () => {
    const { driver, device, fired } = labWithVectors();
    driver.write(EIMS, 1);
    driver.write(EICS, 0x3);
    device.step();
    expect(fired).toEqual([0]);
    driver.write(EIMS, 2);
    expect(fired).toEqual([0, 0]);
  });

  test('masks itself by EIAM when EICR is written', () => {
    const { driver } = labWithVectors();
    driver.write(EIMS, 0x3);
    driver.write(EIAM, 0x3);
    driver.write(EICR, 0x1);
    expect(driver.read(EIMS)).toBe(2);
  });

  test('masks itself by EIAM when EICR is read', () => {
    const { driver } = labWithVectors();
    driver.write(EIMS, 0x10_0001);
    driver.write(EIAM, 0x10_0000);
    driver.write(EICS, 0x10_0000);
    driver.read(EICR);
    expect(driver.read(EIMS)).toBe(1);
  });
});

describe('MSI-X', () => {
  test('sends the vector of the queue, and clears by EIAC and masks by EIAM', () => {
    const lab = labWithVectors(true);
    lab.driver.write(IVAR, 0x80 | 7);
    lab.driver.write(EIAC, 1 << 7);
    lab.driver.write(EIMS, 1 << 7);
    receiveOne(lab);
    receiveOne(lab);
    expect(lab.fired).toEqual([7, 7]);
    lab.driver.set(GPIE, GPIE.bits.EIAME.mask);
    lab.driver.write(EIAM_EXT, 1 << 7);
    receiveOne(lab);
    expect(lab.driver.read(EIMS)).toBe(0);
    receiveOne(lab);
    expect(lab.fired).toEqual([7, 7, 7]);
  });

  test('has vectors above 15, which only the extended registers know', () => {
    const lab = labWithVectors(true);
    lab.driver.write(EIMS_EXT, 1 << 8, 1);
    lab.driver.write(EICS_EXT, 1 << 8, 1);
    lab.device.step();
    expect(lab.fired).toEqual([40]);
    expect(lab.driver.read(EICR)).toBe(0);
  });

  test('sends other causes where IVAR_MISC says', () => {
    const lab = labWithVectors(true);
    lab.driver.write(IVAR_MISC, 0x8000 | (9 << 8));
    lab.driver.write(EIMS, LSC.mask);
    lab.wire.connected = false;
    lab.device.step();
    expect(lab.fired).toEqual([9]);
  });

  test('keeps a masked vector pending', () => {
    const lab = labWithVectors(true);
    const table = lab.device.bar(4);
    table.write32(3 * 16 + 12, 1);
    lab.driver.write(EIMS, 1 << 3);
    lab.driver.write(EICS, 1 << 3);
    lab.device.step();
    expect(lab.fired).toEqual([]);
    expect(table.read32(0x2000)).toBe(1 << 3);
    table.write32(3 * 16 + 12, 0);
    expect(lab.fired).toEqual([3]);
    expect(table.read32(0x2000)).toBe(0);
  });

  test('is throttled by EITR, in model time', () => {
    const lab = labWithVectors(true);
    lab.driver.write(IVAR, 0x80);
    lab.driver.write(EIAC, 1);
    lab.driver.write(EIMS, 1);
    lab.driver.write(EITR, 50 << 3); // 100 µs
    for (let i = 0; i < 10; i++) {
      receiveOne(lab);
      lab.device.model.advance(19_000);
    }
    expect(lab.fired).toEqual([0, 0]);
    lab.device.model.advance(9_999); // 199.999 µs after the first
    expect(lab.fired).toEqual([0, 0]);
    lab.device.model.advance(1); // nothing needs to move for it
    expect(lab.fired).toEqual([0, 0, 0]);
  });

  test('is throttled ten times as long on a link of 100 Mbit/s', () => {
    const lab = labWithVectors(true);
    Object.assign(lab.wire, { speed: 100, connected: false });
    lab.device.step();
    lab.wire.connected = true;
    lab.device.step();
    lab.driver.write(IVAR, 0x80);
    lab.driver.write(EIAC, 1);
    lab.driver.write(EIMS, 1);
    lab.driver.write(EITR, 5 << 3);
    for (let i = 0; i < 2; i++) receiveOne(lab);
    lab.device.model.advance(99_999);
    expect(lab.fired).toEqual([0]);
    lab.device.model.advance(1);
    expect(lab.fired).toEqual([0, 0]);
  });

  test('has a moderation counter that a write of EITR sets, unless CNT_WDIS', () => {
    const lab = labWithVectors(true);
    lab.driver.write(EIMS, 1);
    lab.driver.write(EITR, 10 << 21); // 80 µs
    lab.driver.write(EITR, EITR.bits.CNT_WDIS.mask);
    lab.driver.write(EICS, 1);
    lab.device.step();
    expect(lab.fired).toEqual([]);
    lab.device.model.advance(80_000);
    expect(lab.fired).toEqual([0]);
  });

  test('fires at once for software with EIMEN, whatever the moderation', () => {
    const lab = labWithVectors(true);
    lab.driver.write(EIMS, 1);
    lab.driver.write(EITR, EITR.bits.ITR_INTERVAL.mask);
    for (let i = 0; i < 2; i++) {
      lab.driver.write(EICS, 1);
      lab.device.step();
      lab.driver.write(ixgbe.EICR, 1);
    }
    expect(lab.fired).toEqual([0]);
    lab.driver.set(GPIE, GPIE.bits.EIMEN.mask);
    lab.driver.write(EICS, 1);
    expect(lab.fired).toEqual([0, 0]);
  });
});
