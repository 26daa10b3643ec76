/** An emulated NIC on a thread of its own, in real time, as a PciDevice. */
import { IxyError } from '../../errors.ts';
import {
  type DeviceClock,
  PCI_COMMAND,
  PCI_COMMAND_BUS_MASTER,
  type PciConfigSpace,
  type PciDevice,
  type PciInterrupts,
  type RegisterFile,
} from '../../pci/pci-device.ts';
import { wordRegisters } from '../../pci/word-registers.ts';
import type { EmulatedDomain } from '../iommu.ts';
import { BAR0_SIZE, MSIX_BAR, MSIX_BAR_SIZE } from '../ixgbe/config.ts';
import { QUIET } from '../ixgbe/context.ts';
import type { Fault, FaultKind } from '../ixgbe/faults.ts';
import { DEFAULT_MAC, IXGBE_82599_SFP } from '../ixgbe/model.ts';
import { checkRegisterOffset } from '../register-offset.ts';
import type { WireSpec } from '../wires/index.ts';
import { EmulationThread } from './emulation-thread.ts';
import * as protocol from './protocol.ts';
import { ThreadedInterrupts } from './threaded-interrupts.ts';

export interface ThreadedDeviceOptions {
  /** Name in messages. Default 'emulated:ixgbe'. */
  readonly address?: string;
  /** MAC address in the EEPROM. Default 02:00:00:82:59:90. */
  readonly mac?: string;
  readonly deviceId?: number;
  /** Record the datasheet's rules that the driver breaks; see `inspect`. Default false: it costs speed. */
  readonly strict?: boolean;
  /** What is plugged into the port. Default: nothing, the link stays down. */
  readonly wire?: WireSpec;
  /** Default: the one that all devices share which are not given another. */
  readonly thread?: EmulationThread;
}

const napping = new Int32Array(new SharedArrayBuffer(4));
const wallClock: DeviceClock = {
  now: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  pause: (milliseconds) => {
    Atomics.wait(napping, 0, 0, milliseconds);
  },
};

export class ThreadedPciDevice implements PciDevice {
  readonly address: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly numaNode = -1;
  readonly config: PciConfigSpace;
  readonly dma: EmulatedDomain;
  readonly clock = wallClock;
  readonly interrupts: PciInterrupts;
  readonly #thread: EmulationThread;
  readonly #device: number;
  readonly #bars: ReadonlyMap<number, RegisterFile>;
  #closed = false;

  /** Throws `ERR_ARGUMENT` and whatever the wire's constructor throws. */
  constructor(options: ThreadedDeviceOptions = {}) {
    const { address = 'emulated:ixgbe', mac = DEFAULT_MAC, deviceId = IXGBE_82599_SFP, strict = false } = options;
    const doorbells = new SharedArrayBuffer(BAR0_SIZE);
    this.address = address;
    this.#thread = options.thread ?? EmulationThread.named();
    this.#device = this.#thread.open({ mac, deviceId, strict, doorbells, wire: options.wire });
    this.dma = this.#thread.domain;
    this.#bars = new Map([
      [0, this.#registers(BAR0_SIZE, protocol.READ_REGISTER, protocol.WRITE_REGISTER, new Int32Array(doorbells))],
      [MSIX_BAR, this.#registers(MSIX_BAR_SIZE, protocol.READ_MSIX, protocol.WRITE_MSIX, new Int32Array(0))],
    ]);
    this.config = this.#configSpace();
    this.interrupts = new ThreadedInterrupts({
      config: this.config,
      msixTable: this.bar(MSIX_BAR),
      announce: (descriptors) => this.#thread.command({ kind: 'interrupts', device: this.#device, descriptors }),
    });
    this.vendorId = this.config.read16(0);
    this.deviceId = this.config.read16(2);
  }

  bar(index: number): RegisterFile {
    const file = this.#bars.get(index);
    if (!file) throw new IxyError('ERR_ARGUMENT', `${this.address}: the device has no memory BAR ${index}`);
    return file;
  }

  setBusMaster(enabled: boolean): void {
    const others = this.config.read16(PCI_COMMAND) & ~PCI_COMMAND_BUS_MASTER;
    this.config.write16(PCI_COMMAND, enabled ? others | PCI_COMMAND_BUS_MASTER : others);
  }

  /** Broken rules, link and uncounted frames, as they are now. */
  inspect(): protocol.DeviceInspection {
    const answer = this.#thread.command({ kind: 'inspect', device: this.#device });
    if (answer.kind === 'inspection') return answer.inspection;
    throw new IxyError('ERR_DEVICE_GONE', `${this.address}: the device gave no account of itself`);
  }

  injectFault(fault: Fault): void {
    this.#thread.command({ kind: 'inject', device: this.#device, fault });
  }

  /** Disarms one kind of fault, or all. */
  clearFaults(fault?: FaultKind): void {
    this.#thread.command({ kind: 'clear-faults', device: this.#device, fault });
  }

  close(): void {
    if (this.#closed) return;
    try {
      this.interrupts.disable();
    } catch {
      // The thread has ended, and adds to no eventfd any more.
    }
    this.#closed = true;
    this.#thread.close(this.#device);
  }

  #access(operation: number, argument: number, value: number): number {
    if (this.#closed) throw new IxyError('ERR_CLOSED', `${this.address}: the device is closed`);
    return this.#thread.access(operation, this.#device, argument, value);
  }

  #registers(size: number, read: number, write: number, doorbells: Int32Array): RegisterFile {
    return wordRegisters(this.address, {
      size,
      doorbells: doorbells.fill(QUIET),
      read32: (offset) => {
        checkRegisterOffset(offset, size);
        return this.#access(read, offset, 0);
      },
      write32: (offset, value) => {
        checkRegisterOffset(offset, size);
        this.#access(write, offset, value | 0);
      },
    });
  }

  #configSpace(): PciConfigSpace {
    const read = (bytes: number) => (offset: number) =>
      this.#access(protocol.READ_CONFIG, configArgument(offset, bytes), 0);
    const write = (bytes: number) => (offset: number, value: number) => {
      this.#access(protocol.WRITE_CONFIG, configArgument(offset, bytes), value | 0);
    };
    return {
      read8: read(1),
      read16: read(2),
      read32: read(4),
      write8: write(1),
      write16: write(2),
      write32: write(4),
    };
  }
}

function configArgument(offset: number, bytes: number): number {
  if (Number.isInteger(offset) && offset >= 0 && offset < 2 ** 16) return offset | (bytes << 16);
  throw new IxyError('ERR_ARGUMENT', `an offset in configuration space must be from 0 to 65535, found ${offset}`);
}
