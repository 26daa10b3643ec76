/** The devices of a thread, and what can be asked of them. */
import { IxyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import type { AccessBytes, DeviceModel } from '../device-model.ts';
import { DmaRegions } from '../dma-regions.ts';
import { createModel } from '../models.ts';
import { CableRegistry, createWire } from '../wires/index.ts';
import * as protocol from './protocol.ts';

const BURST = 64;

export class DeviceHost {
  readonly #regions = new DmaRegions();
  /** Memory that this thread has mapped itself, by device address. */
  readonly #mappings = new Map<number, ArrayBuffer>();
  readonly #cables = new CableRegistry();
  readonly #models = new Map<number, DeviceModel>();
  /** The same, for the loop. */
  #running: readonly DeviceModel[] = [];
  #everOpened = false;
  readonly #mailboxes = new Map<number, Int32Array>();
  /** The mailboxes of threads that devices are lent to; a new list when there are others. */
  lent: readonly Int32Array[] = [];

  /** All devices have been closed again. */
  get finished(): boolean {
    return this.#everOpened && this.#running.length === 0;
  }

  /** Makes it `now`, in nanoseconds, for every device. */
  advance(now: number): void {
    const running = this.#running;
    for (let i = 0; i < running.length; i++) running[i].advanceTo(now);
  }

  /** Lets every device work at time `now`, in nanoseconds; returns the number of frames that moved. */
  step(now: number): number {
    const running = this.#running;
    let moved = 0;
    for (let i = 0; i < running.length; i++) {
      const model = running[i];
      model.advanceTo(now);
      moved += model.step(BURST);
    }
    return moved;
  }

  /** A driver's read from a BAR, or from configuration space. */
  read(device: number, space: number, offset: number, bytes: AccessBytes): number {
    const model = this.#model(device);
    return space === protocol.CONFIG_SPACE ? model.config.read(offset, bytes) : model.read(space, offset, bytes);
  }

  write(device: number, space: number, offset: number, bytes: AccessBytes, value: number): void {
    const model = this.#model(device);
    if (space === protocol.CONFIG_SPACE) model.config.write(offset, bytes, value);
    else model.write(space, offset, bytes, value);
  }

  command(command: protocol.Command): protocol.Answer {
    switch (command.kind) {
      case 'map':
        this.#map(command.memory);
        break;
      case 'unmap':
        this.#unmap(command.address);
        break;
      case 'open':
        return { kind: 'opened', bars: this.#open(command.device, command.spec).bars };
      case 'close':
        this.#close(command.device);
        break;
      case 'add-mailbox':
        this.#mailboxes.set(command.mailbox, new Int32Array(command.letters));
        this.lent = [...this.#mailboxes.values()];
        break;
      case 'remove-mailbox':
        this.#removeMailbox(command.mailbox);
        break;
      case 'interrupts':
        this.#model(command.device).onInterrupt = adder(command.descriptors);
        break;
      case 'inject':
        this.#model(command.device).faults.inject(command.fault);
        break;
      case 'clear-faults':
        this.#model(command.device).faults.clear(command.fault);
        break;
      case 'inspect': {
        const { violations, linkUp, discarded, dmaFaults } = this.#model(command.device);
        return { kind: 'inspection', inspection: { violations, linkUp, discarded, dmaFaults } };
      }
    }
    return { kind: 'done' };
  }

  #model(device: number): DeviceModel {
    const model = this.#models.get(device);
    if (!model) throw new IxyError('ERR_CLOSED', 'the device is closed');
    return model;
  }

  #open(device: number, { model: kind, options, wire }: protocol.ThreadedDeviceSpec): DeviceModel {
    const model = createModel(kind, options, this.#regions);
    model.wire = wire && createWire(wire, this.#cables);
    this.#models.set(device, model);
    this.#running = [...this.#models.values()];
    this.#everOpened = true;
    return model;
  }

  #close(device: number): void {
    const model = this.#model(device);
    this.#models.delete(device);
    this.#running = [...this.#models.values()];
    model.wire?.close();
  }

  #removeMailbox(mailbox: number): void {
    const words = this.#mailboxes.get(mailbox);
    if (!words) return;
    this.#mailboxes.delete(mailbox);
    this.lent = [...this.#mailboxes.values()];
    Atomics.store(words, protocol.REMOVED, 1);
    Atomics.notify(words, protocol.STATE);
  }

  #map({ address, size, pageSize, buffer, descriptor }: protocol.MappedMemory): void {
    let memory: ArrayBuffer | SharedArrayBuffer | undefined = buffer;
    if (!memory) {
      memory = addon().mmap(descriptor, size, 0, addon().constants.MAP_SHARED);
      this.#mappings.set(address, memory);
    }
    this.#regions.add(address, memory, size, pageSize);
  }

  #unmap(address: number): void {
    this.#regions.remove(address);
    const mapping = this.#mappings.get(address);
    if (!mapping) return;
    this.#mappings.delete(address);
    addon().munmap(mapping);
  }
}

/** Adds 1 to the eventfd of a vector. */
function adder(descriptors: readonly number[]): (vector: number) => void {
  const one = new Uint8Array(8);
  one[0] = 1;
  return (vector) => {
    if (vector < descriptors.length) addon().write(descriptors[vector], one, 0, one.length);
  };
}
