/** Mutations of what the virtio driver writes into its rings, and in front of packets. */
import { EVENT_FLAGS } from '../../src/datasheet/virtio/packed-ring.ts';
import { AVAILABLE_FLAGS, AVAILABLE_INDEX } from '../../src/datasheet/virtio/split-ring.ts';
import type { VirtioNetRule } from '../../src/emulation/index.ts';
import { type MutantLab, type MutantRing, RING_SIZE, type Side } from './virtio-mutant.ts';
import type { RingFormat, VirtioMutation } from './virtio-mutations.ts';

const LOW = 0;
const HIGH = 1;
const LENGTH = 2;
const FLAGS = 3;
/** A bit far above all addresses that are mapped. */
const FAR = 0x4000;
/** Flags of a descriptor lie in the lower half of the word in split rings, and in the upper in packed ones. */
const flag = (ring: MutantRing, bits: number): number => (ring.packed ? bits << 16 : bits);

/** The tenth buffer of one side is changed before the device gets it. */
function buffers(
  what: string,
  caught: VirtioMutation['caught'],
  side: Side,
  change: (ring: MutantRing, at: number, lab: MutantLab) => void,
  format?: RingFormat,
): VirtioMutation {
  const mutate: VirtioMutation['mutate'] = (_mutant, lab) => {
    let count = 0;
    lab.onBuffer = (of, ring, at) => {
      if (of === side && ++count === 10) change(ring, at, lab);
    };
  };
  return format ? { what, caught, mutate, format } : { what, caught, mutate };
}

/** The header in front of a packet to be sent: some bytes, by offset, are not 0. */
function header(what: string, caught: VirtioNetRule, bytes: Readonly<Record<number, number>>): VirtioMutation {
  return buffers(what, caught, 'tx', (ring, at, { device, pool }) => {
    const address = (ring.words[at + HIGH] >>> 0) * 2 ** 32 + (ring.words[at + LOW] >>> 0);
    const begin = address - device.dma.addressOf(pool.memory, 0);
    for (const [offset, value] of Object.entries(bytes)) pool.bytes[begin + Number(offset)] = value;
  });
}

export const BUFFERS: readonly VirtioMutation[] = [
  header('does not clear the flags of a header', 'tx.flags', { 0: 0x80 }),
  header('asks for segmentation', 'tx.gso', { 1: 1 }),
  header('leaves num_buffers in a header', 'tx.num-buffers', { 10: 1 }),
  header('asks for a checksum outside of the frame', 'tx.checksum-range', { 0: 1, 7: 0xff }),
  buffers('forgets the bytes of the header in the length', 'frames', 'tx', ({ words }, at) => {
    words[at + LENGTH] -= 12;
  }),
  buffers('lets the frame begin where its header does', 'frames', 'tx', ({ words }, at) => {
    words[at + LOW] += 12;
  }),
  buffers('gives a buffer of nothing but a header', 'tx.no-header', 'tx', ({ words }, at) => {
    words[at + LENGTH] = 12;
  }),
  buffers('sends longer frames than the device takes', 'tx.frame-length', 'tx', ({ words }, at) => {
    words[at + LENGTH] = 2000;
  }),
  buffers('gives a frame to be written, not sent', 'tx.no-header', 'tx', (ring, at) => {
    ring.words[at + FLAGS] |= flag(ring, 2);
  }),
  buffers('gives receive buffers to be read', 'rx.readable', 'rx', (ring, at) => {
    ring.words[at + FLAGS] &= ~flag(ring, 2);
  }),
  buffers('gives receive buffers that hold no frame', 'rx.too-small', 'rx', ({ words }, at) => {
    words[at + LENGTH] = 600;
  }),
  buffers('gives a buffer that is not mapped', 'queue.buffer-unmapped', 'rx', ({ words }, at) => {
    words[at + HIGH] ^= FAR;
  }),
  buffers('sends a buffer that is not mapped', 'queue.buffer-unmapped', 'tx', ({ words }, at) => {
    words[at + HIGH] ^= FAR;
  }),
  buffers('sets INDIRECT', 'queue.indirect', 'tx', (ring, at) => {
    ring.words[at + FLAGS] |= flag(ring, 4);
  }),
  buffers('sets a reserved flag', 'queue.reserved-flags', 'tx', (ring, at) => {
    ring.words[at + FLAGS] |= flag(ring, 0x40);
  }),
  {
    what: 'changes a descriptor that it has given away',
    caught: 'queue.descriptor-changed',
    mutate: (_mutant, lab) => {
      const armed: number[] = [];
      lab.onBuffer = (side, _ring, at) => {
        if (side === 'rx') armed.push(at);
      };
      let looks = 0;
      lab.beforeSettling = () => {
        if (++looks === 2 && lab.rings) lab.rings.rx.words[armed[40] + LOW] += 2112;
      };
    },
  },
  buffers(
    'names a descriptor that there is not',
    'queue.head-range',
    'tx',
    ({ driver, size }) => {
      driver[2 + 9] = size;
    },
    'split',
  ),
  buffers(
    'makes a buffer available again that the device has',
    'queue.descriptor-twice',
    'tx',
    ({ driver }) => {
      driver[2 + 9] = driver[2 + 8];
    },
    'split',
  ),
  buffers(
    'uses an id again that the device has',
    'queue.id-outstanding',
    'tx',
    ({ words }, at) => {
      words[at + FLAGS] = (words[at + FLAGS] & ~0xffff) | (words[at - 4 + FLAGS] & 0xffff);
    },
    'packed',
  ),
  buffers(
    'gets the wrap bits wrong',
    'queue.wrap',
    'tx',
    ({ words }, at) => {
      words[at + FLAGS] ^= 0x8080 << 16; // those of the other round
    },
    'packed',
  ),
  buffers(
    'publishes the index before the descriptor',
    'frames',
    'tx',
    ({ words }, at) => {
      words.copyWithin(at, at - 4, at);
    },
    'split',
  ),
  buffers(
    'publishes the flags before the descriptor',
    'frames',
    'tx',
    ({ words }, at) => {
      words.copyWithin(at, at - 4, at - 1);
    },
    'packed',
  ),
  buffers(
    'lets a chain end nowhere',
    'queue.next-range',
    'tx',
    ({ words }, at) => {
      words[at + FLAGS] = 1 | (RING_SIZE << 16);
    },
    'split',
  ),
  buffers(
    'lets a chain run in a circle',
    'queue.chain-length',
    'tx',
    ({ words }, at) => {
      words[at + FLAGS] = 1 | ((at / 4) << 16);
    },
    'split',
  ),
  buffers(
    'makes half of a list available',
    'queue.list-incomplete',
    'tx',
    (ring, at) => {
      ring.words[at + FLAGS] |= flag(ring, 1);
      // Nothing is available behind it.
      ring.words[((at + 4) % ring.words.length) + FLAGS] = 0;
    },
    'packed',
  ),
  buffers(
    'makes more available than the ring holds',
    'queue.index-jump',
    'tx',
    ({ driver }) => {
      driver[AVAILABLE_INDEX] += 2 * RING_SIZE;
    },
    'split',
  ),
  buffers('sets reserved flags of event suppression', 'queue.event-flags', 'tx', ({ driver, packed }) => {
    driver[packed ? EVENT_FLAGS : AVAILABLE_FLAGS] = 7;
  }),
];
