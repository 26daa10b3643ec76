/** 82599s of other kinds than the usual one, all in one machine, in the order of their interfaces. */
import { Cable } from '../../../src/emulation/wires/cable.ts';
import { LoopbackWire } from '../../../src/emulation/wires/loopback.ts';
import type { Guest } from '../../vm/harness/guest.ts';
import type { NicServer, NicVariant } from './nic-server.ts';
import { WatchedWire } from './watched-wire.ts';

/** What suites about them share. */
export interface VariantBench {
  readonly guest: () => Guest;
  readonly server: () => NicServer;
}

/** An interface of the guest: which of the variants it is, and where it lives. */
export interface Interface {
  readonly index: number;
  readonly name: string;
  readonly address: string;
  /** A network namespace, for the far end of a cable. */
  readonly namespace?: string;
}

/** Both ends of a cable: what the near one sends comes to the far one, and not through the kernel. */
export interface Pair {
  readonly near: Interface;
  readonly far: Interface;
}

/** The two ports of a chip. */
export const TWINS: Pair = pair(0, 'twin', '10.99.1');
/** Optics at both ends; the near one has MSI alone, and the far one nothing but its interrupt line. */
export const OPTICS: Pair = pair(2, 'optics', '10.99.2');
export const EMPTY_CAGE: Interface = { index: 4, name: 'eth4', address: '' };

export function makeVariants(): NicVariant[] {
  const mac = (index: number): string => `02:00:00:00:01:0${index}`;
  const [copper, fibre] = [new Cable().ends, new Cable().ends].map((ends) => ends.map((end) => new WatchedWire(end)));
  return [
    { slot: 10, function: 0, options: { mac: mac(0), port: 0 }, wire: copper[0] },
    { slot: 10, function: 1, options: { mac: mac(1), port: 1 }, wire: copper[1] },
    { slot: 11, options: { mac: mac(2), sfp: 'sr', messages: 'msi' }, wire: fibre[0] },
    { slot: 12, options: { mac: mac(3), sfp: 'sr', messages: 'none' }, wire: fibre[1] },
    { slot: 13, options: { mac: mac(4), sfp: 'none' }, wire: new LoopbackWire() },
  ];
}

/** The wire of an interface, and what passed there. */
export function wireOf({ server }: VariantBench, { index }: Interface): WatchedWire {
  const { wire } = server().devices[index].model;
  if (!(wire instanceof WatchedWire)) throw new Error(`nobody watches the wire of interface ${index}`);
  return wire;
}

/** A shell command in an interface's namespace. */
export function at({ namespace }: Interface, command: string): string {
  return namespace === undefined ? command : `ip netns exec ${namespace} ${command}`;
}

function pair(first: number, namespace: string, network: string): Pair {
  return {
    near: { index: first, name: `eth${first}`, address: `${network}.1` },
    far: { index: first + 1, name: `eth${first + 1}`, address: `${network}.2`, namespace },
  };
}
