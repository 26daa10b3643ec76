/**
 * PCI capabilities (PCI Local Bus Specification 3.0, section 6.7), and among them those of virtio (virtio 1.2, section
 * 4.1.4), which say where a modern device keeps its structures. Whatever configuration space holds: each capability is
 * looked at once, and a structure is taken only if it lies within a BAR that the device has.
 */
import {
  CAPABILITY,
  CAPABILITY_BYTES,
  CAPABILITY_COMMON,
  CAPABILITY_DEVICE,
  CAPABILITY_ISR,
  CAPABILITY_NOTIFY,
  COMMON_BYTES,
  NOTIFY_CAPABILITY_BYTES,
  PCI_CAPABILITY_VENDOR,
} from '../../../datasheet/virtio/pci.ts';
import { IxyError } from '../../../errors.ts';
import type { PciConfigSpace, PciDevice, RegisterFile } from '../../../pci/pci-device.ts';

const STATUS = 0x06;
const STATUS_CAPABILITIES = 1 << 4;
const FIRST_CAPABILITY = 0x34;
/** Capabilities lie behind the header, in the 256 bytes that every device has. */
const HEADER_BYTES = 0x40;
const CONFIG_BYTES = 0x100;
const BARS = 6;

/** Least bytes that make a structure usable, and what its offset is a multiple of (4.1.4, 4.1.4.3 … 4.1.4.6). */
const DEMANDS: Readonly<Record<number, { readonly bytes: number; readonly alignment: number }>> = {
  [CAPABILITY_COMMON]: { bytes: COMMON_BYTES, alignment: 4 },
  [CAPABILITY_NOTIFY]: { bytes: 2, alignment: 2 },
  [CAPABILITY_ISR]: { bytes: 1, alignment: 1 },
  [CAPABILITY_DEVICE]: { bytes: 1, alignment: 4 },
};

/** A part of a BAR. */
export interface Structure {
  readonly bar: number;
  readonly registers: RegisterFile;
  /** Bytes from the BAR's begin; and how many belong to it. */
  readonly offset: number;
  readonly size: number;
}

interface NotifyStructure extends Structure {
  /** Bytes between two queues' doorbells: 0, or a power of two from 2 up (4.1.4.4). */
  readonly multiplier: number;
}

/** What a modern device cannot do without, and what it may lack. */
export interface Structures {
  readonly common: Structure;
  readonly notify: NotifyStructure;
  readonly isr: Structure | undefined;
  readonly device: Structure | undefined;
}

/** Offsets in configuration space of all capabilities with this id, in the order of the list, which may run in circles. */
export function capabilities(config: PciConfigSpace, id: number): number[] {
  if ((config.read16(STATUS) & STATUS_CAPABILITIES) === 0) return [];
  const seen = new Set<number>();
  const found: number[] = [];
  let at = config.read8(FIRST_CAPABILITY) & ~3;
  while (at >= HEADER_BYTES && !seen.has(at)) {
    seen.add(at);
    if (config.read8(at) === id) found.push(at);
    at = config.read8(at + CAPABILITY.next) & ~3;
  }
  return found;
}

/** The first usable structure of each type (4.1.4.1); undefined if the device has no modern interface that is complete. */
export function findStructures(device: Pick<PciDevice, 'config' | 'bar'>): Structures | undefined {
  const places = capabilities(device.config, PCI_CAPABILITY_VENDOR);
  const first = (type: number): Structure | undefined => firstOf(places, (at) => structureAt(device, at, type));
  const common = first(CAPABILITY_COMMON);
  const notify = firstOf(places, (at) => notifyAt(device, at));
  if (!common || !notify) return undefined;
  return { common, notify, isr: first(CAPABILITY_ISR), device: first(CAPABILITY_DEVICE) };
}

function firstOf<T>(places: readonly number[], read: (at: number) => T | undefined): T | undefined {
  for (const at of places) {
    const value = read(at);
    if (value !== undefined) return value;
  }
  return undefined;
}

function notifyAt(device: Pick<PciDevice, 'config' | 'bar'>, at: number): NotifyStructure | undefined {
  const structure = structureAt(device, at, CAPABILITY_NOTIFY, NOTIFY_CAPABILITY_BYTES);
  if (!structure) return undefined;
  const multiplier = device.config.read32(at + CAPABILITY.multiplier);
  const usable = multiplier !== 1 && (multiplier & (multiplier - 1)) === 0;
  return usable ? { ...structure, multiplier } : undefined;
}

/** The structure that the capability at `at` points to, if it is of this type and can be used as such. */
function structureAt(
  device: Pick<PciDevice, 'config' | 'bar'>,
  at: number,
  type: number,
  least = CAPABILITY_BYTES,
): Structure | undefined {
  const { config } = device;
  const length = config.read8(at + CAPABILITY.length);
  if (length < least || at + least > CONFIG_BYTES || config.read8(at + CAPABILITY.type) !== type) return undefined;
  const index = config.read8(at + CAPABILITY.bar);
  const offset = config.read32(at + CAPABILITY.offset);
  const size = config.read32(at + CAPABILITY.size);
  const { bytes, alignment } = DEMANDS[type];
  if (index >= BARS || size < bytes || offset % alignment !== 0) return undefined;
  const registers = existingBar(device, index);
  return registers && offset + size <= registers.size ? { bar: index, registers, offset, size } : undefined;
}

/** Undefined if the device has no such BAR. */
function existingBar(device: Pick<PciDevice, 'bar'>, index: number): RegisterFile | undefined {
  try {
    return device.bar(index);
  } catch (error) {
    if (error instanceof IxyError && error.code === 'ERR_ARGUMENT') return undefined;
    throw error;
  }
}
