/** A real driver on a strict emulated device, in virtual time, with a pool, memory and a wire that the test holds. */
import { afterEach, expect } from 'vitest';
import type { Logger } from '../../src/drivers/logger.ts';
import type { NetDevice } from '../../src/drivers/net-device.ts';
import type { AllocateMemory } from '../../src/drivers/queue-memory.ts';
import { CallbackWire, type EmulatedPciDevice, type ModelKind, type Violation } from '../../src/emulation/index.ts';
import { CheckedPacketPool, OWNER_RX_RING, OWNER_TX_RING } from '../../src/memory/checked-pool.ts';
import { HUGE_PAGE_2_MIB } from '../../src/memory/huge-pages.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import { NO_PACKET, PacketPool } from '../../src/memory/packet-pool.ts';
import { GuardedMemory } from './guarded-memory.ts';

/** What every driver is given by the lab. */
interface LabSupplies<Pool extends PacketPool> {
  readonly allocateMemory: AllocateMemory;
  readonly pool: Pool;
  readonly linkPollInterval: 0;
  readonly logger: Logger;
}

interface Disposable {
  dispose(): void;
}

const inUse = new Set<Disposable>();
afterEach(() => {
  for (const lab of inUse) lab.dispose();
});

export abstract class DriverLab<
  Nic extends NetDevice,
  Kind extends ModelKind,
  Pool extends PacketPool = CheckedPacketPool,
> {
  abstract readonly device: EmulatedPciDevice<Kind>;
  readonly wire: CallbackWire;
  readonly pool: Pool;
  readonly warnings: string[] = [];
  /** Frames that left the device. */
  readonly sent: Uint8Array[] = [];
  readonly #poolMemory: GuardedMemory;
  /** What the driver has allocated and not freed. */
  readonly #memories = new Set<GuardedMemory>();
  #nic: Nic | undefined;

  /** With a pool of at least `packets`, which `makePool` makes. */
  constructor(packets: number, makePool: (memory: GuardedMemory) => Pool) {
    this.#poolMemory = new GuardedMemory(PacketPool.memorySize(packets, HUGE_PAGE_2_MIB));
    this.pool = makePool(this.#poolMemory);
    this.wire = new CallbackWire({
      onFrame: (bytes, offset, length) => {
        this.sent.push(bytes.slice(offset, offset + length));
        return true;
      },
    });
    inUse.add(this);
  }

  /** Closes what is open, and forgets the lab; runs by itself when the test is done. */
  dispose(): void {
    inUse.delete(this);
    this.#nic?.close();
    this.device.close();
  }

  get nic(): Nic {
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

  /**
   * Every packet is free, nobody is said to own one, the device reaches no memory of the driver's any more, and nothing was
   * written outside of what the driver and the device have to write in.
   */
  expectEverythingBack(): void {
    const { pool } = this;
    expect(pool.available).toBe(pool.capacity);
    if (pool instanceof CheckedPacketPool) {
      expect({ armed: pool.ownedBy(OWNER_RX_RING), sent: pool.ownedBy(OWNER_TX_RING) }).toEqual({
        armed: [],
        sent: [],
      });
    }
    expect(new Set(pool.stack.subarray(0, pool.available)).size).toBe(pool.capacity);
    expect(() => this.device.dma.addressOf(pool.memory, 0)).toThrow('not mapped');
    expect(this.#memories.size).toBe(0);
    this.#poolMemory.expectIntact();
  }

  /** `open` for a driver of this kind, which is given `supplies`. */
  protected async start(open: (supplies: LabSupplies<Pool>) => Promise<Nic>): Promise<Nic> {
    this.#nic = undefined;
    this.#nic = await open({
      allocateMemory: (minimumBytes) => this.#allocate(minimumBytes),
      pool: this.pool,
      linkPollInterval: 0,
      logger: { info() {}, warn: (message) => this.warnings.push(message) },
    });
    for (const memory of this.#memories) memory.seal();
    return this.#nic;
  }

  #allocate(minimumBytes: number): GuardedMemory {
    const memory = new GuardedMemory(minimumBytes, () => {
      memory.expectIntact();
      this.#memories.delete(memory);
    });
    this.#memories.add(memory);
    return memory;
  }
}
