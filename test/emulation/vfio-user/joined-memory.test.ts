/** Memory that a client maps page by page, as QEMU does behind a guest's IOMMU: rings and buffers lie on several mappings. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { ixgbe } from '../../../src/datasheet/ixgbe/index.ts';
import { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import { LoopbackWire } from '../../../src/emulation/wires/loopback.ts';
import { addressHigh, addressLow } from '../../../src/memory/dma-memory.ts';
import { addon } from '../../../src/native/addon.ts';
import { DMA_READABLE, DMA_WRITABLE } from '../../../src/pci/vfio-user/payloads.ts';
import { mappingsOf } from '../../support/process.ts';
import { Lab, sharedMemory } from './lab.ts';
import { RINGS_BYTES, ServedRings, TX_BUFFERS } from './served-rings.ts';

const PAGE = 4096;
const PAGES = Math.ceil(RINGS_BYTES / PAGE) + 1;
const ADDRESS = 0x1_0000_0000 - 2 * PAGE;
/** Where the rings begin, so that this one lies on two pages; half of the buffers do, wherever they begin. */
const RECEIVE_RING_ON_BORDER = PAGE - 128;
const TRANSMIT_RING_ON_BORDER = PAGE - 128 - 0x800;
const LAST_RECEIVED_ON_BORDER = 0x200;
/** So that only the first 512 bytes of the last receive buffer are ahead of the page where transmit buffers begin. */
const LAST_RECEIVED_MOSTLY_BEHIND = 0x600;
/** So that the first transmit buffer begins 256 bytes ahead of a page. */
const FIRST_TRANSMITTED_ON_BORDER = 0xf00;

interface Page {
  readonly address: number;
  readonly descriptor: number;
  readonly offset: number;
}

/** Pages that adjoin where the device sees them; of two files in turn, and in each in reverse. */
class ScatteredPages {
  readonly pages: readonly Page[];
  /** The client's view of them. */
  readonly bytes: Uint8Array;

  constructor() {
    const size = PAGES * PAGE;
    const files = [sharedMemory(size), sharedMemory(size)];
    const offsetOf = (i: number): number => size - (i + 1) * PAGE;
    this.pages = Array.from({ length: PAGES }, (_, i) => ({
      address: ADDRESS + i * PAGE,
      descriptor: files[i % 2].descriptor,
      offset: offsetOf(i),
    }));
    const pieces = this.pages.map(({ offset }, i) => files[i % 2].bytes.subarray(offset, offset + PAGE));
    const joined = addon().joinMappings(pieces);
    onTestFinished(() => addon().munmap(joined));
    this.bytes = new Uint8Array(joined);
  }

  map(lab: Lab, pages = this.pages, flags = DMA_READABLE | DMA_WRITABLE): void {
    for (const { address, descriptor, offset } of pages) lab.map(address, PAGE, descriptor, flags, offset);
  }

  /** Rings in them. */
  start(lab: Lab, at: number): ServedRings {
    return new ServedRings(lab, this.bytes.subarray(at), ADDRESS + at).start();
  }
}

describe('mappings that adjoin', () => {
  const frame = Uint8Array.from({ length: 1500 }, (_, i) => (i * 7) & 0xff);
  /** Sends frames around, through a wire that returns them. */
  const roundTrip = (lab: Lab, rings: ServedRings, length = frame.length): void => {
    const faults = lab.device.model.dmaFaults;
    for (let i = 0; i < 20; i++) {
      frame[20] = i;
      rings.transmit(frame.subarray(0, length));
      lab.run();
      expect(rings.receive()).toEqual(frame.subarray(0, length));
    }
    expect(lab.device.model.dmaFaults).toBe(faults);
  };

  it.each([RECEIVE_RING_ON_BORDER, TRANSMIT_RING_ON_BORDER])('hold rings and buffers together, from %i on', (at) => {
    const lab = new Lab();
    const scattered = new ScatteredPages();
    scattered.map(lab);
    roundTrip(lab, scattered.start(lab, at));
    // Once more, where what was joined is known.
    roundTrip(lab, scattered.start(lab, at));
  });

  it('may be as large as can be, and meet anywhere', () => {
    const lab = new Lab();
    const GIBIBYTE = 2 ** 30;
    const { descriptor, bytes } = sharedMemory(GIBIBYTE + 0x10_0000);
    const second = sharedMemory(RINGS_BYTES);
    const end = 2 ** 40 + bytes.length;
    lab.map(2 ** 40, bytes.length, descriptor);
    lab.map(end, RINGS_BYTES, second.descriptor);
    const pieces = [bytes.subarray(-PAGE), second.bytes];
    const joined = addon().joinMappings(pieces);
    onTestFinished(() => addon().munmap(joined));
    const at = RECEIVE_RING_ON_BORDER;
    roundTrip(lab, new ServedRings(lab, new Uint8Array(joined, at), end - PAGE + at).start());
  });

  it('leave nothing behind', () => {
    const lab = new Lab();
    const scattered = new ScatteredPages();
    const before = mappingsOf('memfd:test');
    scattered.map(lab);
    roundTrip(lab, scattered.start(lab, RECEIVE_RING_ON_BORDER));
    expect(mappingsOf('memfd:test')).toBeGreaterThan(before + PAGES);
    lab.unmap(0, 2 ** 40);
    expect(mappingsOf('memfd:test')).toBe(before);
    scattered.map(lab);
    roundTrip(lab, scattered.start(lab, RECEIVE_RING_ON_BORDER));
    lab.connection.close();
    expect(mappingsOf('memfd:test')).toBe(before);
  });

  it.each([0, 1])('are out of reach once one of them is unmapped: number %i', (gone) => {
    const lab = new Lab();
    const scattered = new ScatteredPages();
    scattered.map(lab);
    const rings = scattered.start(lab, RECEIVE_RING_ON_BORDER);
    roundTrip(lab, rings);
    lab.unmap(scattered.pages[gone].address, PAGE);
    rings.transmit(frame);
    const page = scattered.bytes.subarray(gone * PAGE, (gone + 1) * PAGE);
    const before = page.slice();
    lab.run();
    expect(rings.receive()).toBeUndefined();
    expect(page).toEqual(before);
    expect(lab.device.model.dmaFaults).toBeGreaterThan(0);
    scattered.map(lab, [scattered.pages[gone]]);
    roundTrip(lab, scattered.start(lab, RECEIVE_RING_ON_BORDER));
  });

  it('stay joined while others come and go', () => {
    const lab = new Lab();
    const scattered = new ScatteredPages();
    scattered.map(lab);
    const rings = scattered.start(lab, RECEIVE_RING_ON_BORDER);
    const [first, last] = [scattered.pages[0], scattered.pages[PAGES - 1]];
    for (let i = 0; i < 4; i++) {
      roundTrip(lab, rings);
      lab.map(first.address - PAGE, PAGE, first.descriptor);
      lab.map(last.address + PAGE, PAGE, first.descriptor);
      roundTrip(lab, rings);
      lab.unmap(first.address - PAGE, PAGE);
      lab.unmap(last.address + PAGE, PAGE);
    }
  });

  it('are not joined across a gap', () => {
    const lab = new Lab();
    const scattered = new ScatteredPages();
    scattered.map(lab, [...scattered.pages.slice(0, 1), ...scattered.pages.slice(2)]);
    const rings = scattered.start(lab, RECEIVE_RING_ON_BORDER);
    expect(lab.device.model.dmaFaults).toBeGreaterThan(0);
    rings.transmit(frame);
    lab.run();
    expect(rings.receive()).toBeUndefined();
  });

  it.each([
    ['came without descriptors', undefined],
    ['begin and end within pages', 128],
  ])('are fetched by messages where they %s', (_, shift) => {
    const { descriptor, bytes } = sharedMemory(PAGES * PAGE);
    const base = ADDRESS + (shift ?? 0);
    const range = (address: number, length: number) => bytes.subarray(address - base, address - base + length);
    const lab = new Lab({ memory: { range } });
    const before = mappingsOf('memfd:test');
    for (let at = 0; at < bytes.length; at += PAGE) {
      lab.map(base + at, PAGE, shift === undefined ? undefined : descriptor, DMA_READABLE | DMA_WRITABLE, at);
    }
    const mapped = shift === undefined ? 0 : PAGES;
    roundTrip(lab, new ServedRings(lab, bytes.subarray(PAGE - 128), base + PAGE - 128).start());
    expect(mappingsOf('memfd:test')).toBe(before + mapped);
    lab.unmap(base, PAGE);
    lab.run();
    expect(lab.device.model.dmaFaults).toBeGreaterThan(0);
  });

  it('are read, and not written to, if one of them may only be read', () => {
    const scattered = new ScatteredPages();
    const { bytes, pages } = scattered;
    let fetched = 0;
    const range = (address: number, length: number) => {
      fetched++;
      return bytes.subarray(address - ADDRESS, address - ADDRESS + length);
    };
    const lab = new Lab({ memory: { range } });
    // The page behind the receive ring's first one, which has the other half of that and the transmit ring.
    scattered.map(lab, [pages[0], ...pages.slice(2)]);
    scattered.map(lab, [pages[1]], DMA_READABLE);
    const rings = scattered.start(lab, RECEIVE_RING_ON_BORDER);
    expect(fetched).toBeGreaterThan(0);
    const before = bytes.slice(0, 2 * PAGE);
    rings.transmit(frame);
    const queued = bytes.slice(0, 2 * PAGE);
    lab.run();
    expect(bytes.subarray(0, 2 * PAGE)).toEqual(queued);
    expect(before).not.toEqual(queued);
    // It was sent, and came back, but nobody can be told.
    expect(lab.read32(0, ixgbe.TDH.at(0))).toBe(1);
    expect(lab.read32(0, ixgbe.RDH.at(0))).toBe(1);
  });

  it('may be behind a buffer that no frame fills, and of another kind', () => {
    const scattered = new ScatteredPages();
    const range = (address: number, length: number) => scattered.bytes.subarray(address - ADDRESS).subarray(0, length);
    const device = ServedDevice.create('ixgbe', { mac: '02:00:00:00:00:0a', strict: true });
    device.model.wire = new LoopbackWire();
    const lab = new Lab({ device, memory: { range } });
    // The last receive buffer ends on the first page of the transmit buffers, with bytes that only a jumbo frame would take.
    const shared = (LAST_RECEIVED_ON_BORDER + TX_BUFFERS) >> 12;
    scattered.map(lab, scattered.pages.slice(0, shared));
    scattered.map(lab, scattered.pages.slice(shared), DMA_READABLE);
    roundTrip(lab, scattered.start(lab, LAST_RECEIVED_ON_BORDER));
    expect(device.model.violations.map(({ rule }) => rule)).not.toContain('rx.buffer-unmapped');
  });

  it.each([
    ['mapped', true],
    ['fetched by messages', false],
  ])('take frames where they are %s, although the rest of the buffer may only be read', (_, withDescriptors) => {
    const scattered = new ScatteredPages();
    const range = (address: number, length: number) => scattered.bytes.subarray(address - ADDRESS).subarray(0, length);
    const device = ServedDevice.create('ixgbe', { mac: '02:00:00:00:00:0a', strict: true });
    device.model.wire = new LoopbackWire();
    const lab = new Lab({ device, memory: { range } });
    const shared = (LAST_RECEIVED_MOSTLY_BEHIND + TX_BUFFERS) >> 12;
    if (withDescriptors) scattered.map(lab, scattered.pages.slice(0, shared));
    else for (const { address } of scattered.pages.slice(0, shared)) lab.map(address, PAGE);
    scattered.map(lab, scattered.pages.slice(shared), DMA_READABLE);
    roundTrip(lab, scattered.start(lab, LAST_RECEIVED_MOSTLY_BEHIND), 300);
  });

  it('take the head of the transmit ring next to a frame that begins there, and ends where only reading is allowed', () => {
    const scattered = new ScatteredPages();
    const range = (address: number, length: number) => scattered.bytes.subarray(address - ADDRESS).subarray(0, length);
    const lab = new Lab({ memory: { range } });
    const shared = (FIRST_TRANSMITTED_ON_BORDER + TX_BUFFERS + 0x100) >> 12;
    for (const { address } of scattered.pages.slice(0, shared)) lab.map(address, PAGE);
    scattered.map(lab, scattered.pages.slice(shared), DMA_READABLE);
    const rings = scattered.start(lab, FIRST_TRANSMITTED_ON_BORDER);
    const head = (shared - 1) * PAGE;
    lab.write32(0, ixgbe.TDWBAH.at(0), addressHigh(ADDRESS + head));
    lab.write32(0, ixgbe.TDWBAL.at(0), (addressLow(ADDRESS + head) | ixgbe.TDWBAL.bits.HEAD_WB_EN.mask) >>> 0);
    scattered.bytes[head] = 0xee;
    rings.transmit(frame);
    lab.run();
    expect(rings.receive()).toEqual(frame);
    expect(scattered.bytes[head]).toBe(1);
  });
});
