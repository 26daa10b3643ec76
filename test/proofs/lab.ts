/** The real driver on a strict emulated 82599, in virtual time, with a checked pool and a wire that the test holds. */
import { expect, onTestFinished } from 'vitest';
import { type IxgbeDevice, type IxgbeOptions, openIxgbe } from '../../src/drivers/ixgbe/index.ts';
import { CallbackWire, EmulatedPciDevice, type Violation } from '../../src/emulation/index.ts';
import { CheckedPacketPool, OWNER_RX_RING, OWNER_TX_RING } from '../../src/memory/checked-pool.ts';
import type { DmaMemory } from '../../src/memory/dma-memory.ts';
import { HUGE_PAGE_2_MIB } from '../../src/memory/huge-pages.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { NO_PACKET, PacketPool } from '../../src/memory/packet-pool.ts';
import { allocatePlainMemory } from '../../src/memory/plain-memory.ts';
import type { PciDevice } from '../../src/pci/pci-device.ts';
import { WrappedDevice } from './wrapped-device.ts';

export interface LabOptions extends Partial<IxgbeOptions> {
  readonly deviceId?: number;
  readonly strict?: boolean;
  /** What the driver gets in place of the device. Default: one that outlives its driver. */
  readonly wrap?: (device: EmulatedPciDevice) => PciDevice;
}

/** Packets beyond what fills the rings. */
const SPARE = 2048;

export class Lab {
  readonly device: EmulatedPciDevice;
  readonly wire: CallbackWire;
  readonly pool: CheckedPacketPool;
  readonly options: LabOptions;
  readonly warnings: string[] = [];
  /** Frames that left the device. */
  readonly sent: Uint8Array[] = [];
  #nic: IxgbeDevice | undefined;
  /** Regions that the driver has allocated and not freed. */
  #regions = 0;

  constructor(options: LabOptions = {}) {
    this.options = options;
    const { rxQueues = 1, txQueues = 1, rxRingSize = 512, txRingSize = 512, deviceId = 0x10fb } = options;
    const packets = rxQueues * rxRingSize + txQueues * txRingSize + SPARE;
    this.pool = new CheckedPacketPool(allocatePlainMemory(PacketPool.memorySize(packets, HUGE_PAGE_2_MIB)));
    this.wire = new CallbackWire({
      onFrame: (bytes, offset, length) => {
        this.sent.push(bytes.slice(offset, offset + length));
        return true;
      },
    });
    this.device = new EmulatedPciDevice({ wire: this.wire, deviceId, strict: options.strict ?? true });
    onTestFinished(() => {
      this.#nic?.close();
      this.device.close();
    });
  }

  /** Opens the driver; again, if it was closed. */
  async open(more: Partial<IxgbeOptions> = {}): Promise<IxgbeDevice> {
    const { deviceId: _id, strict: _strict, wrap, ...options } = this.options;
    const device = wrap ? wrap(this.device) : new WrappedDevice(this.device);
    this.#nic = await openIxgbe(device, {
      allocateMemory: (minimumBytes) => this.#allocate(minimumBytes),
      pool: this.pool,
      linkPollInterval: 0,
      logger: { info() {}, warn: (message) => this.warnings.push(message) },
      ...options,
      ...more,
    });
    return this.#nic;
  }

  get nic(): IxgbeDevice {
    if (!this.#nic) throw new Error('the lab is not open');
    return this.#nic;
  }

  get violations(): readonly Violation[] {
    return this.device.model.violations;
  }

  /** Lets the device work until nothing moves; returns how many frames moved. */
  settle(): number {
    return this.device.simulation.settle();
  }

  /** Frames that the driver has received; the device works before. */
  receive(queue = 0): Uint8Array[] {
    const frames: Uint8Array[] = [];
    const batch = new PacketBatch(32);
    while (this.settle() + this.nic.rx[queue].receive(batch) > 0) {
      for (let i = 0; i < batch.length; i++) frames.push(this.read(batch.packets[i]));
      batch.free();
    }
    return frames;
  }

  /** Sends frames in bursts, each in one chain of segments of at most `segment` bytes; returns how many had room. */
  send(frames: readonly Uint8Array[], queue = 0, segment = this.pool.dataSize): number {
    const batch = new PacketBatch(Math.max(1, frames.length), this.pool);
    for (const frame of frames) batch.push(this.write(frame, segment));
    this.nic.tx[queue].transmit(batch);
    const left = batch.length;
    batch.free();
    return frames.length - left;
  }

  /** The bytes of a packet, whatever number of segments it has. */
  read(packet: number): Uint8Array {
    const { pool } = this;
    const frame = new Uint8Array(pool.totalLength(packet));
    for (let segment = packet, at = 0; segment !== NO_PACKET; segment = pool.next[segment]) {
      frame.set(pool.bytes.subarray(pool.offset(segment), pool.offset(segment) + pool.length[segment]), at);
      at += pool.length[segment];
    }
    return frame;
  }

  /** A packet with these bytes, the application's. */
  write(frame: Uint8Array, segmentSize = this.pool.dataSize): number {
    const { pool } = this;
    let head = NO_PACKET;
    for (let from = 0; from < frame.length; from += segmentSize) {
      const part = frame.subarray(from, from + segmentSize);
      const segment = pool.allocate();
      pool.bytes.set(part, pool.offset(segment));
      pool.length[segment] = part.length;
      if (head === NO_PACKET) head = segment;
      else pool.chain(head, segment);
    }
    return head;
  }

  /** Closes the driver, and expects everything back. */
  close(): void {
    this.nic.close();
    this.expectEverythingBack();
  }

  /** Every packet is free, nobody is said to own one, and the device reaches no memory of the driver's any more. */
  expectEverythingBack(): void {
    const { pool } = this;
    expect({ free: pool.available, armed: pool.ownedBy(OWNER_RX_RING), sent: pool.ownedBy(OWNER_TX_RING) }).toEqual({
      free: pool.capacity,
      armed: [],
      sent: [],
    });
    expect(new Set(pool.stack.subarray(0, pool.available)).size).toBe(pool.capacity);
    expect(() => this.device.dma.addressOf(pool.memory, 0)).toThrow('not mapped');
    expect(this.#regions).toBe(0);
  }

  #allocate(minimumBytes: number): DmaMemory {
    const { buffer, size, pageSize, descriptor, kind } = allocatePlainMemory(minimumBytes);
    this.#regions++;
    return { buffer, size, pageSize, descriptor, kind, free: () => void this.#regions-- };
  }
}

/** A lab whose driver is open and whose link is up. */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const lab = new Lab(options);
  await lab.open();
  await lab.nic.waitForLink();
  return lab;
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** A frame to `to` of `length` bytes (17 or more), with `number` in bytes 12 … 15 and content that follows from it. */
export function frame(number: number, length: number, to = BROADCAST): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => (number * 31 + i * 7) & 0xff);
  bytes.set(to.split(':').map((byte) => Number.parseInt(byte, 16)));
  bytes.set([2, 0, 0, 0, 0, 1], 6);
  new DataView(bytes.buffer).setUint32(12, number);
  return bytes;
}

export function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(12);
}

/** `toEqual` for frames, at a speed that allows for many of them. */
export function expectFrames(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  const same =
    actual.length === expected.length && actual.every((bytes, i) => Buffer.compare(bytes, expected[i]) === 0);
  if (!same) expect(actual).toEqual(expected);
}

/** The frame as a medium carries it: at least 60 bytes. */
export function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= 60) return bytes;
  const result = new Uint8Array(60);
  result.set(bytes);
  return result;
}
