/** Emulated NICs for ports: stepped by the packet loop, or on other threads. */
import {
  EmulatedPciDevice,
  type ModelKind,
  type ModelOptions,
  Simulation,
  type Violation,
} from '../emulation/index.ts';
import { EmulationThread } from '../emulation/thread/emulation-thread.ts';
import { ThreadedPciDevice } from '../emulation/thread/threaded-device.ts';
import { CableRegistry, createWire, type WireSpec } from '../emulation/wires/index.ts';
import type { PciDevice } from '../pci/pci-device.ts';

/** What is emulated, and its name in messages. */
type EmulatedNicOptions<Kind extends ModelKind> = ModelOptions<Kind> & {
  readonly model: Kind;
  readonly address: string;
};

export interface EmulatedNic {
  readonly device: PciDevice;
  /** Lets the NIC work up to now; undefined if it does by itself. */
  readonly step: (() => void) | undefined;
  /** Rules that its driver has broken so far, and how often; none unless it is strict. */
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

/** Throws what making the model and the wire throws. */
export function openSteppedNic<Kind extends ModelKind>(options: EmulatedNicOptions<Kind>, wire: WireSpec): EmulatedNic {
  const end = createWire(wire, cables);
  try {
    const device = new EmulatedPciDevice<Kind>({ ...options, wire: end, simulation });
    return { device, step, violations: () => device.model.violations };
  } catch (error) {
    end.close();
    throw error;
  }
}

/** On the thread of this name, which is started if need be. Throws as `openSteppedNic`. */
export function openThreadedNic<Kind extends ModelKind>(
  options: EmulatedNicOptions<Kind>,
  wire: WireSpec,
  threadName: string,
): EmulatedNic {
  const device = new ThreadedPciDevice<Kind>({ ...options, wire, thread: EmulationThread.named(threadName) });
  return { device, step: undefined, violations: () => device.inspect().violations };
}
