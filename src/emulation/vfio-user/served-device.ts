/** A device model as a client sees it: its regions, its interrupts, the memory that it may reach, and its time. */
import { MAXIMUM_TRANSFER } from '../../pci/vfio-user/protocol.ts';
import type { DeviceModel } from '../device-model.ts';
import { DmaRegions } from '../dma-regions.ts';
import { createModel, type ModelKind, type ModelOptions } from '../models.ts';
import { ClientMemory } from './client-memory.ts';
import { DoorbellMemory } from './doorbell-memory.ts';
import { InterruptEvents } from './interrupt-events.ts';
import type { MemoryMessages } from './message-memory.ts';
import { RegionSpace } from './region-space.ts';

/** Frames each way between two looks at the client. */
const BURST = 64;

export class ServedDevice {
  readonly model: DeviceModel;
  readonly regions: RegionSpace;
  readonly interrupts: InterruptEvents;
  readonly memory: ClientMemory;
  readonly doorbells: DoorbellMemory;
  /** The client that is there, for memory that came without a descriptor. */
  messages: MemoryMessages | undefined;
  /** Bytes that it takes in one transfer. */
  maximumTransfer = MAXIMUM_TRANSFER;
  /** How many calls of the model are under way: more than one, if messages are handled while it waits for memory. */
  #working = 0;
  #resetDue = false;

  /** Throws `ERR_ARGUMENT` for options out of range. */
  static create<Kind extends ModelKind>(kind: Kind, options: ModelOptions<Kind>): ServedDevice {
    const regions = new DmaRegions();
    return new ServedDevice(createModel(kind, options, regions), regions);
  }

  private constructor(model: DeviceModel, regions: DmaRegions) {
    this.model = model;
    this.regions = new RegionSpace(model);
    this.interrupts = new InterruptEvents(model);
    this.doorbells = new DoorbellMemory(model);
    this.memory = new ClientMemory(regions, {
      read: (address, length) => this.messages?.read(address, length),
      write: (address, bytes) => this.messages?.write(address, bytes),
    });
  }

  /** Lets time pass, in nanoseconds. */
  advance(nanoseconds: number): void {
    this.#work(() => this.model.advance(nanoseconds));
  }

  /** Lets it work; returns the number of frames that moved. */
  step(): number {
    const moved = this.#work(() => this.memory.burst(() => this.model.step(BURST)));
    this.interrupts.announce();
    return moved;
  }

  /**
   * Sees which doorbells have rung before a message that is to be answered now: the client's accesses keep their order. In the
   * middle of its work the device looks by itself.
   */
  observe(): void {
    if (this.doorbells.shared && this.#working === 0) this.#work(() => this.memory.burst(() => this.model.step(0)));
  }

  /** A client's write. Throws `Refusal`. */
  write(region: number, offset: number, data: Uint8Array): void {
    this.#work(() => this.regions.write(region, offset, data));
  }

  /** Power-on. In the middle of the device's work, when that waits for the client's memory, it takes place at its end. */
  reset(): void {
    this.#resetDue = this.#working > 0;
    if (this.#resetDue) return;
    this.model.reset();
    this.memory.forget();
    this.interrupts.restore();
  }

  /** The client is gone, and everything that was its. */
  release(): void {
    this.messages = undefined;
    this.maximumTransfer = MAXIMUM_TRANSFER;
    this.memory.clear();
    this.interrupts.clear();
    this.doorbells.release();
    this.reset();
  }

  #work<Result>(action: () => Result): Result {
    this.#working++;
    try {
      return action();
    } finally {
      this.#working--;
      if (this.#working === 0 && this.#resetDue) this.reset();
    }
  }
}
