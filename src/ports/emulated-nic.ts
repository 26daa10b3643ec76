/** Emulated NICs for ports: stepped by the packet loop, or on other threads. */
import { type EmulatedDeviceOptions, EmulatedPciDevice, Simulation, type Violation } from '../emulation/index.ts';
import { EmulationThread } from '../emulation/thread/emulation-thread.ts';
import { ThreadedPciDevice } from '../emulation/thread/threaded-device.ts';
import { CableRegistry, createWire, type WireSpec } from '../emulation/wires/index.ts';
import type { PciDevice } from '../pci/pci-device.ts';

type ChosenOptions = Required<Pick<EmulatedDeviceOptions, 'address' | 'mac' | 'deviceId' | 'strict'>>;

export interface EmulatedNicOptions extends ChosenOptions {
  readonly wire: WireSpec;
}

export interface EmulatedNic {
  readonly device: PciDevice;
  /** Lets the NIC work up to now; undefined if it does by itself. */
  readonly step: (() => void) | undefined;
  /** Rules of the datasheet that its driver has broken so far, and how often; none unless it is strict. */
  readonly violations: () => readonly Violation[];
}

/**
 * Stepped NICs belong to one simulation, and so may share cables. Its virtual time follows the clock on the wall, for
 * wires that delay and pace, and runs ahead of it where a driver waits.
 */
const simulation = new Simulation();
const cables = new CableRegistry();
let lastStep = performance.now();

function step(): void {
  const now = performance.now();
  simulation.advance(now - lastStep);
  lastStep = now;
}

/** Throws what making the wire throws. */
export function openSteppedNic({ wire, ...options }: EmulatedNicOptions): EmulatedNic {
  const end = createWire(wire, cables);
  try {
    const device = new EmulatedPciDevice({ ...options, wire: end, simulation });
    return { device, step, violations: () => device.model.violations };
  } catch (error) {
    end.close();
    throw error;
  }
}

/** On the thread of this name, which is started if need be. Throws as `openSteppedNic`. */
export function openThreadedNic(options: EmulatedNicOptions, threadName: string): EmulatedNic {
  const device = new ThreadedPciDevice({ ...options, thread: EmulationThread.named(threadName) });
  return { device, step: undefined, violations: () => device.inspect().violations };
}
