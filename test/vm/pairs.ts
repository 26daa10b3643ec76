/** The pairs of NICs that packets pass between. Each NIC's cable leads out of the guest. */
import type { Nic, NicModelName } from './harness/nics.ts';
import type { Pair } from './harness/ports.ts';

/** The first NIC of a pair is offered checksums and segmentation, the second is not. */
function pair(model: NicModelName, slot: number, properties = ''): Pair {
  return [
    { model, slot, tap: 'offloads', properties },
    { model, slot: slot + 1, tap: 'plain', properties },
  ];
}

export const PAIRS = {
  legacy: pair('virtio-legacy', 4),
  transitional: pair('virtio-transitional', 6),
  modern: pair('virtio-modern', 8),
  /** It also says itself how long frames may be. */
  packed: pair('virtio-packed', 10, 'host_mtu=9000'),
  multiqueue: pair('virtio-multiqueue', 12),
} as const satisfies Record<string, Pair>;

/** One that spreads flows as its driver says, and reports their hashes. */
export const HASHING: Nic = {
  model: 'virtio-multiqueue',
  slot: 14,
  tap: 'offloads',
  properties: 'rss=on,hash=on',
};

/** Two 82599 of ours. */
export const SERVED: Pair = [
  { model: 'ixgbe', slot: 4 },
  { model: 'ixgbe', slot: 5 },
];

/** With IXY_VM_QUICK=1, as in CI, suites look at fewer models and ends: a quarter of an hour instead of half of one. */
export const QUICK = process.env.IXY_VM_QUICK === '1';

/** Of `pairs`, by name, those that a quick run looks at; all of them in a full one. */
export function chosen<P extends Record<string, Pair>>(pairs: P, quick: readonly (keyof P)[]): [string, Pair][] {
  return Object.entries(pairs).filter(([name]) => !QUICK || quick.includes(name));
}

/** Those whose DMA an IOMMU translates. */
export const TRANSLATED = [PAIRS.modern, PAIRS.packed, PAIRS.multiqueue] as const;
/** Enough for two ports with rings and pools. */
export const HUGE_PAGES = 48;
