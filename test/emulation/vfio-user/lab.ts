/** A served device and its client in one thread: the server works whenever the client waits. */
import { ftruncateSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { Connection } from '../../../src/emulation/vfio-user/connection.ts';
import { ServedDevice } from '../../../src/emulation/vfio-user/index.ts';
import { LoopbackWire } from '../../../src/emulation/wires/loopback.ts';
import { addon } from '../../../src/native/addon.ts';
import { type OfferedMemory, VfioUserClient } from '../../../src/pci/vfio-user/client.ts';
import {
  DMA_READABLE,
  DMA_WRITABLE,
  dmaMap,
  dmaUnmap,
  IRQ_DATA_EVENTFD,
  IRQ_DATA_NONE,
  IRQ_TRIGGER,
  irqSet,
  NOTHING,
  regionAccess,
} from '../../../src/pci/vfio-user/payloads.ts';
import { COMMAND } from '../../../src/pci/vfio-user/protocol.ts';

const native = addon();
const { EFD_CLOEXEC, EFD_NONBLOCK, MAP_SHARED, MFD_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } = native.constants;

export interface LabOptions {
  readonly memory?: OfferedMemory;
  readonly device?: ServedDevice;
}

export function servedIxgbe(): ServedDevice {
  const device = ServedDevice.create('ixgbe', { mac: '02:00:00:00:00:0a' });
  device.model.wire = new LoopbackWire();
  return device;
}

export function servedVirtio(): ServedDevice {
  const device = ServedDevice.create('virtio', {});
  device.model.wire = new LoopbackWire();
  return device;
}

export interface ServerEnd {
  readonly connection: Connection;
  readonly socket: number;
  /** Requests that the server has refused. */
  readonly warnings: string[];
}

/** A connection of a served device, and the other end of its socket. The former is closed with the test. */
export function serverEnd(device: ServedDevice, wait?: () => void): ServerEnd {
  const end = openServerEnd(device, wait);
  onTestFinished(() => end.connection.close());
  return end;
}

/** The same, for tests that close it themselves. */
export function openServerEnd(device: ServedDevice, wait?: () => void): ServerEnd {
  const [near, far] = native.socketPair(SOCK_STREAM | SOCK_NONBLOCK);
  const warnings: string[] = [];
  const connection = new Connection(far, device, {
    warn: (message) => warnings.push(message),
    ...(wait ? { wait } : {}),
  });
  return { connection, socket: near, warnings };
}

export class Lab {
  readonly device: ServedDevice;
  readonly connection: Connection;
  readonly client: VfioUserClient;
  /** Requests that the server has refused. */
  readonly warnings: readonly string[];

  constructor({ memory, device = servedIxgbe() }: LabOptions = {}) {
    const { connection, socket, warnings } = serverEnd(device, () => this.client.serve());
    this.device = device;
    this.connection = connection;
    this.warnings = warnings;
    const wait = (): void => {
      connection.poll();
      if (connection.ended !== undefined) connection.close();
    };
    this.client = new VfioUserClient('lab', socket, { wait, ...(memory ? { memory } : {}) });
    onTestFinished(() => this.client.close());
  }

  /** Lets the server and its device work for so many milliseconds of the device's time. */
  run(milliseconds = 1): void {
    this.connection.poll();
    this.device.advance(milliseconds * 1e6);
    this.device.step();
  }

  read(region: number, offset: number, count: number): Buffer {
    const reply = this.client.call(COMMAND.REGION_READ, regionAccess.encode({ offset, region, count }));
    return Buffer.from(regionAccess.data(reply, count));
  }

  write(region: number, offset: number, data: Uint8Array): void {
    this.client.call(COMMAND.REGION_WRITE, regionAccess.encode({ offset, region, count: data.length }, data));
  }

  read32(region: number, offset: number): number {
    return this.read(region, offset, 4).readUInt32LE();
  }

  write32(region: number, offset: number, value: number): void {
    this.write(region, offset, new Uint8Array(new Uint32Array([value]).buffer));
  }

  map(address: number, size: number, descriptor?: number, flags = DMA_READABLE | DMA_WRITABLE, offset = 0): void {
    const payload = dmaMap.encode({ argsz: dmaMap.size, flags, offset, address, size });
    this.client.call(COMMAND.DMA_MAP, payload, descriptor === undefined ? [] : [descriptor]);
  }

  unmap(address: number, size: number): void {
    this.client.call(COMMAND.DMA_UNMAP, dmaUnmap.encode({ argsz: dmaUnmap.size, address, size }));
  }

  setInterrupts(index: number, start: number, events: readonly number[]): void {
    const flags = IRQ_DATA_EVENTFD | IRQ_TRIGGER;
    const payload = irqSet.encode({ argsz: irqSet.size, flags, index, start, count: events.length });
    this.client.call(COMMAND.SET_IRQS, payload, events);
  }

  disableInterrupts(index: number): void {
    const flags = IRQ_DATA_NONE | IRQ_TRIGGER;
    this.client.call(COMMAND.SET_IRQS, irqSet.encode({ argsz: irqSet.size, flags, index, start: 0, count: 0 }));
  }

  reset(): void {
    this.client.call(COMMAND.RESET, NOTHING);
  }
}

/** Memory behind a descriptor; closed with the test. */
export function sharedMemory(size: number): { descriptor: number; bytes: Uint8Array } {
  const descriptor = native.memfdCreate('test', MFD_CLOEXEC);
  ftruncateSync(descriptor, size);
  const mapping = native.mmap(descriptor, size, 0, MAP_SHARED);
  onTestFinished(() => {
    native.munmap(mapping);
    native.close(descriptor);
  });
  return { descriptor, bytes: new Uint8Array(mapping) };
}

export function eventfd(): number {
  const made = native.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  onTestFinished(() => native.close(made));
  return made;
}

/** How often an eventfd was added to since the last look. */
export function fired(event: number): number {
  const counter = new BigUint64Array(1);
  const length = native.read(event, new Uint8Array(counter.buffer), 0, 8);
  return length < 0 ? 0 : Number(counter[0]);
}

/** What a client throws whose request was refused. */
export function refused(errno: number): unknown {
  return expect.objectContaining({ code: 'ERR_SYSTEM', message: expect.stringContaining(`errno ${errno}`) });
}
