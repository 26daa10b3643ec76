/** Buffers on several mappings, while a device has many of them at once; and how much is joined at a time. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { NET_HEADER_BYTES } from '../../../src/datasheet/virtio/net.ts';
import {
  AVAILABLE_INDEX,
  SPLIT_FLAG_NEXT,
  SPLIT_FLAG_WRITE,
  splitLayout,
  USED_INDEX,
} from '../../../src/datasheet/virtio/split-ring.ts';
import { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import { JoinedMemory } from '../../../src/emulation/vfio-user/joined-memory.ts';
import { CallbackWire } from '../../../src/emulation/wires/index.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { DMA_READABLE, DMA_WRITABLE } from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';
import { mappingsOf } from '../../support/process.ts';
import { Lab, type LabOptions, sharedMemory } from './lab.ts';
import { encodeWriteMulti } from './messages.ts';
import { startVirtio } from './virtio-writes.ts';

const PAGE = 4096;
/** Where both mappings begin that buffers lie on, and where they meet. */
const BASE = 2 ** 40;
const BORDER = BASE + 2 ** 20;

interface Part {
  readonly address: number;
  readonly length: number;
  readonly flags: number;
}

describe('a chain of buffers', () => {
  const RING = { queue: 0, size: 32, address: PAGE };
  const frame = Uint8Array.from({ length: 1500 }, (_, i) => (i * 7) & 0xff);

  const servedNic = (memory?: LabOptions['memory']) => {
    const wire = new CallbackWire();
    const device = ServedDevice.create('virtio', {});
    device.model.wire = wire;
    return { wire, lab: new Lab({ device, ...(memory ? { memory } : {}) }) };
  };

  /** Starts the device with this chain in its first queue; returns how many chains it has used. */
  const offer = (lab: Lab, parts: readonly Part[]): (() => number) => {
    const ring = sharedMemory(PAGE);
    lab.map(RING.address, PAGE, ring.descriptor);
    const { available, used } = splitLayout(RING.size, 4);
    const words = new Int32Array(ring.bytes.buffer);
    for (const [i, { address, length, flags }] of parts.entries()) {
      const next = i === parts.length - 1 ? 0 : SPLIT_FLAG_NEXT | ((i + 1) << 16);
      words.set([addressLow(address), addressHigh(address), length, flags | next], 4 * i);
    }
    new Uint16Array(ring.bytes.buffer, available)[AVAILABLE_INDEX] = 1;
    lab.client.call(COMMAND.WRITE_MULTI, encodeWriteMulti(startVirtio(RING)));
    return () => new Uint16Array(ring.bytes.buffer, used)[USED_INDEX];
  };

  it('may be longer than what is kept of buffers', () => {
    const { wire, lab } = servedNic();
    const { descriptor, bytes } = sharedMemory(2 ** 21);
    lab.map(BASE, 2 ** 20, descriptor);
    lab.map(BORDER, 2 ** 20, descriptor, DMA_READABLE | DMA_WRITABLE, 2 ** 20);
    // Each begins on a page of its own, and ends beyond the border.
    const parts = Array.from({ length: 24 }, (_, i) => ({
      address: BASE + (4 + i) * PAGE,
      length: 2 ** 20 - 2 * PAGE,
      flags: SPLIT_FLAG_WRITE,
    }));
    const used = offer(lab, parts);
    const before = mappingsOf('memfd:test');
    wire.send(frame);
    lab.run();
    expect(used()).toBe(1);
    const at = 4 * PAGE + NET_HEADER_BYTES;
    expect(bytes.subarray(at, at + frame.length)).toEqual(frame);
    expect(lab.device.model.dmaFaults).toBe(0);
    // Fewer are kept.
    expect(mappingsOf('memfd:test')).toBeLessThan(before + 2 * parts.length);
    expect(mappingsOf('memfd:test')).toBeGreaterThan(before);
  });

  it('may be written next to what it reads across a border, behind which nothing may be written', () => {
    const bytes = new Uint8Array(2 ** 21);
    const range = (address: number, length: number) => bytes.subarray(address - BASE, address - BASE + length);
    const { wire, lab } = servedNic({ range });
    lab.map(BASE, 2 ** 20);
    lab.map(BORDER, 2 ** 20, undefined, DMA_READABLE);
    const used = offer(lab, [
      { address: BORDER - 16, length: 32, flags: 0 },
      { address: BORDER - PAGE, length: 2048, flags: SPLIT_FLAG_WRITE },
    ]);
    wire.send(frame);
    lab.run();
    expect(used()).toBe(1);
    const at = 2 ** 20 - PAGE + NET_HEADER_BYTES;
    expect(bytes.subarray(at, at + frame.length)).toEqual(frame);
  });
});

describe('joined memory', () => {
  const SIZE = 2 ** 20;
  const sizeOf = (region: { size: number } | undefined): number | undefined => region?.size;
  /** Joins any number of pieces, of no neighbours, which the kernel would take for one mapping. */
  const joiner = () => {
    const joined = new JoinedMemory();
    onTestFinished(() => joined.remove(0, 2 ** 52));
    const { bytes } = sharedMemory(SIZE);
    const join = (i: number, isRing: boolean, length = SIZE / 2) => {
      const piece = bytes.subarray(SIZE - length);
      return joined.join(i * SIZE, [piece, piece], isRing);
    };
    return { joined, join };
  };

  it('of buffers is taken back when a burst is done, the oldest first', () => {
    const { joined, join } = joiner();
    const before = mappingsOf('memfd:test');
    const buffers = Array.from({ length: 100 }, (_, i) => join(i, false));
    expect(buffers.map(sizeOf)).toEqual([...Array(64).fill(SIZE), ...Array(36).fill(undefined)]);
    expect(mappingsOf('memfd:test')).toBe(before + 2 * 64);
    joined.trim();
    expect(buffers.map(sizeOf)).toEqual([...Array(48).fill(0), ...Array(16).fill(SIZE), ...Array(36).fill(undefined)]);
    expect(mappingsOf('memfd:test')).toBe(before + 2 * 16);
    expect(joined.find(47 * SIZE, 1, false)).toBeUndefined();
    expect(joined.find(63 * SIZE, 1, false)).toBe(buffers[63]);
    // A ring is not looked for among buffers, whose turn it will be.
    expect(joined.find(63 * SIZE, 1, true)).toBeUndefined();
    joined.forget();
    expect(joined.find(63 * SIZE, 1, false)).toBe(buffers[63]);
    joined.remove(0, 2 ** 40);
    expect(mappingsOf('memfd:test')).toBe(before);
    expect(sizeOf(join(0, false))).toBe(SIZE);
  });

  it('is bounded by its pieces too', () => {
    const { joined, join } = joiner();
    const before = mappingsOf('memfd:test');
    const buffers = Array.from({ length: 10_000 }, (_, i) => join(i, false, PAGE));
    expect(buffers.filter((region) => region !== undefined)).toHaveLength(8192);
    expect(mappingsOf('memfd:test')).toBe(before + 16_384);
    joined.trim();
    expect(mappingsOf('memfd:test')).toBe(before + 4096);
  });

  it('has room for the rings of any device, apart from that of buffers, and forgets the oldest beyond', () => {
    const { joined, join } = joiner();
    const before = mappingsOf('memfd:test');
    const rings = Array.from({ length: 65 }, (_, i) => join(i, true));
    expect(rings.map(sizeOf)).toEqual([0, ...Array(64).fill(SIZE)]);
    for (let i = 0; i < 100; i++) join(100 + i, false);
    joined.trim();
    expect(rings.map(sizeOf)).toEqual([0, ...Array(64).fill(SIZE)]);
    joined.forget();
    expect(mappingsOf('memfd:test')).toBe(before + 2 * 16);
  });
});
