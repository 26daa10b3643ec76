/**
 * Wires from descriptions. A description is a plain object that can be posted to a worker thread, where the emulated NIC
 * lives; the wire's counters can be read from outside through `WireSpec.counters`.
 */
import type { CableOptions } from './cable.ts';
import type { CableRegistry } from './cable-registry.ts';
import { type CaptureOptions, CaptureWire } from './capture.ts';
import { type Wire, wireCounters } from './counters.ts';
import type { FrameRingSize } from './frame-ring.ts';
import { type GeneratorOptions, GeneratorWire } from './generator.ts';
import { type Impairments, impair } from './impairments.ts';
import { LoopbackWire } from './loopback.ts';
import { NullWire } from './null-wire.ts';
import { TapWire } from './tap.ts';
import type { TapOptions } from './tap-device.ts';

/** Kinds of far ends. */
export type Medium =
  | { readonly kind: 'null' }
  | ({ readonly kind: 'loopback' } & FrameRingSize)
  | ({ readonly kind: 'tap' } & TapOptions)
  | ({ readonly kind: 'capture' } & CaptureOptions)
  | ({ readonly kind: 'generator' } & GeneratorOptions)
  | ({ readonly kind: 'cable'; readonly name: string } & CableOptions);

/** A wire in words, for `createWire` or a `ThreadedPciDevice`. */
export type WireSpec = Medium & {
  readonly impairments?: Impairments;
  /**
   * Whether frames wait for the NIC to have a descriptor for them, or are dropped by it; see `WireEnd.flowControl`.
   * Default: false.
   */
  readonly flowControl?: boolean;
  /** From `sharedWireCounters`. Default: memory that only the wire's own thread can read. */
  readonly counters?: SharedArrayBuffer;
};

/** Makes the wire's end for a NIC. `cables` holds the cables of this thread. Throws what the kind's constructor throws. */
export function createWire(spec: WireSpec, cables: CableRegistry): Wire {
  const medium = createMedium(spec, cables);
  medium.flowControl = spec.flowControl ?? false;
  try {
    return impair(medium, spec.impairments ?? {});
  } catch (error) {
    medium.close();
    throw error;
  }
}

function createMedium(spec: WireSpec, cables: CableRegistry): Wire {
  const counters = wireCounters(spec.counters);
  switch (spec.kind) {
    case 'null':
      return new NullWire(counters);
    case 'loopback':
      return new LoopbackWire(spec, counters);
    case 'tap':
      return new TapWire(spec, counters);
    case 'capture':
      return new CaptureWire(spec, counters);
    case 'generator':
      return new GeneratorWire(spec, counters);
    case 'cable':
      return cables.take(spec.name, spec, counters);
  }
}

export { Cable } from './cable.ts';
export { CableRegistry } from './cable-registry.ts';
export { CallbackWire } from './callback.ts';
export {
  ENDED,
  flatWireStatistics,
  sharedWireCounters,
  type Wire,
  type WireCounters,
  type WireStatistics,
  wireCounters,
  wireStatistics,
} from './counters.ts';
export type { Impairments } from './impairments.ts';
