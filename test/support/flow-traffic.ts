/** Traffic of many flows that others send back: who did, whether all came, and whether each flow kept its order. */
import type { RxQueue, TxQueue } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../src/memory/packet-pool.ts';

/** Where in a frame whoever sends it back leaves a mark, an order to it, the flow, and the frame's number in the flow. */
export const MARK_OFFSET = 42;
const ORDER_OFFSET = 43;
const FLOW_OFFSET = 44;
const NUMBER_OFFSET = 48;
const FRAME_BYTES = 64;

export class FlowTraffic {
  readonly flows: number;
  readonly sent: Int32Array;
  /** By flow: the number after the last one that came back. */
  readonly echoed: Int32Array;
  /** By flow: marks of what came back. */
  readonly marks: readonly Set<number>[];
  /** Frames that came back behind a later one of their flow, and those that never came. */
  disorder = 0;
  lost = 0;
  received = 0;
  readonly #rx: RxQueue;
  readonly #tx: TxQueue;
  readonly #batch = new PacketBatch(16);
  #flow = 0;

  constructor({ rx, tx }: { readonly rx: readonly RxQueue[]; readonly tx: readonly TxQueue[] }, flows: number) {
    this.flows = flows;
    this.sent = new Int32Array(flows);
    this.echoed = new Int32Array(flows);
    this.marks = Array.from({ length: flows }, () => new Set());
    this.#rx = rx[0];
    this.#tx = tx[0];
  }

  get inFlight(): number {
    return this.sent.reduce((sum, sent, flow) => sum + sent - this.echoed[flow], 0);
  }

  /** A burst of `count` frames, of the flows in turn. `order`: a word to whoever gets them. */
  send(order = 0, count = this.#batch.capacity): void {
    const { pool } = this.#rx;
    const batch = this.#batch;
    batch.allocate(pool, count);
    for (let i = 0; i < batch.length; i++) {
      const flow = this.#flow;
      this.#flow = (flow + 1) % this.flows;
      writeFrame(pool, batch.packets[i], flow, this.sent[flow]++, order);
    }
    this.#tx.transmit(batch);
    if (batch.length > 0) throw new Error('the far end had no room for a burst');
  }

  /** Takes what has come back. */
  receive(): void {
    const batch = this.#batch;
    const { pool } = this.#rx;
    this.#rx.receive(batch);
    for (let i = 0; i < batch.length; i++) {
      const frame = Buffer.from(pool.bytes.buffer, pool.offset(batch.packets[i]), FRAME_BYTES);
      const flow = frame.readUInt32BE(FLOW_OFFSET);
      const number = frame.readUInt32BE(NUMBER_OFFSET);
      if (number < this.echoed[flow]) this.disorder++;
      else this.lost += number - this.echoed[flow];
      this.echoed[flow] = number + 1;
      this.marks[flow].add(frame[MARK_OFFSET]);
      this.received++;
    }
    batch.free();
  }

  /** Forgets what is in flight: it is lost. */
  giveUp(): void {
    this.lost += this.inFlight;
    this.echoed.set(this.sent);
  }

  /** `bursts` with so few frames in flight that no ring overflows, and all that comes back. */
  async run(bursts: number): Promise<void> {
    for (let burst = 0; burst < bursts; burst++) {
      this.send();
      await until(() => this.#look(128), 'frames do not come back');
    }
    await until(() => this.#look(1), 'frames do not come back');
  }

  #look(most: number): boolean {
    this.receive();
    return this.inFlight < most;
  }
}

/** Looks again and again, and lets other work run. Rejects with an error of what is missing. */
export async function until(look: () => boolean, missing: string, milliseconds = 10_000): Promise<void> {
  for (const end = performance.now() + milliseconds; !look(); ) {
    if (performance.now() > end) throw new Error(missing);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A UDP frame from 02:…:0b to 02:…:0a; its flow is its source port. */
function writeFrame(pool: PacketPool, packet: number, flow: number, number: number, order: number): void {
  pool.length[packet] = FRAME_BYTES;
  const frame = Buffer.from(pool.bytes.buffer, pool.offset(packet), FRAME_BYTES).fill(0);
  frame.write('02000000000a02000000000b08004500', 0, 'hex');
  frame.writeUInt16BE(FRAME_BYTES - 14, 16);
  frame.write('4011', 22, 'hex');
  frame.write('0a0000010a000002', 26, 'hex');
  frame.writeUInt16BE(1000 + flow, 34);
  frame.writeUInt16BE(2000, 36);
  frame.writeUInt16BE(FRAME_BYTES - 34, 38);
  frame[ORDER_OFFSET] = order;
  frame.writeUInt32BE(flow, FLOW_OFFSET);
  frame.writeUInt32BE(number, NUMBER_OFFSET);
}
