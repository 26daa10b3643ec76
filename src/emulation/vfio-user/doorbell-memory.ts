/**
 * Doorbells that a client rings by plain stores into memory that it shares with the server. Only for clients that ask: a store
 * there is seen when the device looks, and by nobody who watches registers. Each client gets memory of its own, so that one who
 * is gone rings no more.
 */
import { ftruncateSync } from 'node:fs';
import { addon } from '../../native/addon.ts';
import type { DeviceModel } from '../device-model.ts';

interface SharedBar {
  readonly descriptor: number;
  readonly mapping: ArrayBuffer;
}

export class DoorbellMemory {
  /** Called when a client has asked for them. */
  onShared: () => void = () => {};
  readonly #model: DeviceModel;
  readonly #bars = new Map<number, SharedBar>();
  #wanted = false;

  constructor(model: DeviceModel) {
    this.#model = model;
  }

  /** Whether the client that is there may ring them. */
  get shared(): boolean {
    return this.#wanted;
  }

  /** The client asks for them. */
  share(): void {
    this.#wanted = true;
    this.onShared();
  }

  /** The file behind a region's doorbells, as large as the region; undefined if there are none, or none are wanted. */
  descriptorOf(region: number): number | undefined {
    const bar = this.#model.bars.get(region);
    if (!this.#wanted || !bar || bar.doorbells.length === 0) return undefined;
    const known = this.#bars.get(region);
    if (known) return known.descriptor;
    const shared = shareBar(bar.size);
    this.#bars.set(region, shared);
    this.#model.pollDoorbells(region, new Int32Array(shared.mapping));
    return shared.descriptor;
  }

  /** The client is gone. */
  release(): void {
    this.#wanted = false;
    for (const [index, { descriptor, mapping }] of this.#bars) {
      this.#model.pollDoorbells(index, undefined);
      addon().munmap(mapping);
      addon().close(descriptor);
    }
    this.#bars.clear();
  }
}

function shareBar(size: number): SharedBar {
  const { MAP_SHARED, MFD_CLOEXEC } = addon().constants;
  const descriptor = addon().memfdCreate('ixy-doorbells', MFD_CLOEXEC);
  try {
    ftruncateSync(descriptor, size);
    return { descriptor, mapping: addon().mmap(descriptor, size, 0, MAP_SHARED) };
  } catch (error) {
    addon().close(descriptor);
    throw error;
  }
}
