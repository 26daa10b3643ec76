import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import {
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  PCI_COMMAND_INTX_DISABLE,
  PCI_COMMAND_MEMORY,
} from '../../../src/pci/pci-device.ts';
import {
  IRQ,
  IRQ_DATA_BOOL,
  IRQ_DATA_NONE,
  IRQ_MASK,
  IRQ_TRIGGER,
  IRQ_UNMASK,
  irqSet,
  REGION,
} from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';
import { openDescriptors } from '../../support/process.ts';
import { eventfd, fired, Lab, refused, sharedMemory } from './lab.ts';

const CAUSE = ixgbe.EICR.bits.LSC.mask;
const MSI_CONTROL = 0x52;
const { EINVAL } = constants.errno;

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
