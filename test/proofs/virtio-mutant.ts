/**
 * Between the real driver and an emulated virtio-net device, to make of it a driver that breaks a rule: registers and
 * notifications can be changed on their way, rings before the device looks at them.
 */
import { PACKED_FLAG_AVAIL, PACKED_FLAG_USED, packedLayout } from '../../src/datasheet/virtio/packed-ring.ts';
import { COMMON } from '../../src/datasheet/virtio/pci.ts';
import {
  AVAILABLE_INDEX,
  AVAILABLE_RING,
  SPLIT_DESCRIPTOR_BYTES,
  splitLayout,
} from '../../src/datasheet/virtio/split-ring.ts';
import type { QueueAddresses } from '../../src/drivers/virtio/transport.ts';
import type { EmulatedPciDevice } from '../../src/emulation/index.ts';
import { MODERN_BAR, STRUCTURES } from '../../src/emulation/virtio/pci/config.ts';
import type { RegisterFile } from '../../src/pci/pci-device.ts';
import { VirtioLab, type VirtioLabOptions } from './virtio-lab.ts';
import { WrappedDevice } from './wrapped-device.ts';

export type CommonField = keyof typeof COMMON;
export type Side = 'rx' | 'tx';

const names = new Map<number, CommonField>();
for (const [name, offset] of Object.entries(COMMON) as [CommonField, number][]) names.set(offset, name);

export class VirtioMutant extends WrappedDevice {
  /** What is written in place of `value`; undefined: nothing. */
  onWrite: (name: CommonField, value: number) => number | undefined = (_name, value) => value;
  /** What the driver gets; `load` reads the register. */
  onRead: (name: CommonField, load: () => number) => number = (_name, load) => load();
  /** A notification of a queue; `ring` is what the driver wants done. */
  onNotify: (queue: number, ring: () => void) => void = (_queue, ring) => ring();
  /** Bus mastering stays as it is. */
  keepsBusMaster = false;
  /** The registers themselves. */
  readonly file: RegisterFile;
  readonly #mutated: RegisterFile;

  constructor(device: EmulatedPciDevice<'virtio'>) {
    super(device);
    this.file = device.bar(MODERN_BAR);
    const { file } = this;
    this.#mutated = {
      ...file,
      doorbells: new Int32Array(0), // notifications are register writes, which can be changed
      read8: (offset) => this.#read(offset, () => file.read8(offset)),
      read16: (offset) => this.#read(offset, () => file.read16(offset)),
      read32: (offset) => this.#read(offset, () => file.read32(offset)),
      write8: (offset, value) => this.#write(offset, value, (written) => file.write8(offset, written)),
      write16: (offset, value) => {
        const write = (written: number): void => file.write16(offset, written);
        if (offset >= STRUCTURES.notify.offset) this.onNotify(value, () => write(value));
        else this.#write(offset, value, write);
      },
      write32: (offset, value) => this.#write(offset, value, (written) => file.write32(offset, written)),
    };
  }

  override bar(index: number): RegisterFile {
    return index === MODERN_BAR ? this.#mutated : super.bar(index);
  }

  override setBusMaster(enabled: boolean): void {
    if (!this.keepsBusMaster) super.setBusMaster(enabled);
  }

  override close(): void {
    this.setBusMaster(false);
  }

  #read(offset: number, load: () => number): number {
    const name = names.get(offset);
    return name ? this.onRead(name, load) : load();
  }

  #write(offset: number, value: number, write: (value: number) => void): void {
    const name = names.get(offset);
    const written = name ? this.onWrite(name, value) : value;
    if (written !== undefined) write(written);
  }
}

/** A ring in memory, and what the driver has made available of it since the last look. */
export class MutantRing {
  readonly packed: boolean;
  readonly size: number;
  /** Descriptors. */
  readonly words: Int32Array;
  /** What the driver writes beside them: the available ring, or its event suppression. */
  readonly driver: Uint16Array;
  #next = 0;

  constructor({ device, nic, options }: VirtioLab, addresses: QueueAddresses) {
    this.packed = nic.capabilities.features?.includes('RING_PACKED') === true;
    this.size = options.model?.queueSize ?? 0;
    const layout = this.packed ? packedLayout(this.size) : splitLayout(this.size);
    const region = device.dma.regions.find(addresses.descriptors, layout.bytes);
    if (!region) throw new Error('no ring there');
    const { buffer } = region.bytes;
    const begin = addresses.descriptors - region.address;
    this.words = new Int32Array(buffer, begin, (SPLIT_DESCRIPTOR_BYTES * this.size) / 4);
    this.driver = new Uint16Array(buffer, addresses.driver - region.address, this.packed ? 2 : 3 + this.size);
  }

  /** Indices in `words` of the first descriptors of what is new. */
  fresh(): number[] {
    const found: number[] = [];
    for (;;) {
      const at = this.packed ? this.#nextPacked() : this.#nextSplit();
      if (at < 0) return found;
      found.push(at);
      this.#next++;
    }
  }

  #nextSplit(): number {
    if ((this.#next & 0xffff) === this.driver[AVAILABLE_INDEX]) return -1;
    return 4 * this.driver[AVAILABLE_RING + (this.#next % this.size)];
  }

  #nextPacked(): number {
    const at = 4 * (this.#next % this.size);
    const flags = this.words[at + 3] >>> 16;
    const [available, used] = [(flags & PACKED_FLAG_AVAIL) !== 0, (flags & PACKED_FLAG_USED) !== 0];
    const lap = Math.floor(this.#next / this.size) % 2 === 0;
    return available === lap && used !== lap ? at : -1;
  }
}

export const RING_SIZE = 64;

/** A lab whose driver's rings are changed before the device looks at them. */
export class MutantLab extends VirtioLab {
  /** Called for each buffer that the driver makes available; word `at` is its first descriptor's first. */
  onBuffer: (side: Side, ring: MutantRing, at: number) => void = () => {};
  /** Called each time before the device works. */
  beforeSettling: () => void = () => {};
  rings: Readonly<Record<Side, MutantRing>> | undefined;

  constructor(options: VirtioLabOptions) {
    super({ ...options, model: { ...options.model, kind: 'modern', queueSize: RING_SIZE, pollTime: 1e6 } });
  }

  override settle(): number {
    const [rx, tx] = [this.nic.rx[0], this.nic.tx[0]];
    this.rings ??= { rx: new MutantRing(this, rx.addresses), tx: new MutantRing(this, tx.addresses) };
    for (const side of ['rx', 'tx'] as const) {
      const ring = this.rings[side];
      for (const at of ring.fresh()) this.onBuffer(side, ring, at);
    }
    this.beforeSettling();
    return super.settle();
  }
}
