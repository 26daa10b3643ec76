/** Traffic of many flows that others send back, or on: who did, whether all came unchanged, and whether each flow kept its order. */
import type { RxQueue, TxQueue } from '../../src/drivers/net-device.ts';
import { PacketBatch } from '../../src/memory/packet-batch.ts';
import type { PacketPool } from '../../src/memory/packet-pool.ts';

/** Frames of a burst where nothing else is said. */
export const BURST = 16;
/** Where in a frame whoever sends it on leaves a mark, an order to it, the flow, and the frame's number in the flow. */
export const MARK_OFFSET = 42;
const ORDER_OFFSET = 43;
const FLOW_OFFSET = 44;
const NUMBER_OFFSET = 48;
/** From here on bytes that follow from flow and number, to the end of the first 64. */
const FILL_OFFSET = 52;
const HEAD_BYTES = 64;

interface FlowTrafficOptions {
  /** Bytes of a frame, 64 or more; what a buffer does not hold is zeros behind it. Default 64. */
  readonly frame?: number;
  /** Frames of a burst. Default `BURST`. */
  readonly burst?: number;
  /** Frames of a flow, one behind the other, before the next flow has its turn. Default 1. */
  readonly inARow?: number;
  /** What this thread has to do beside, each time it looks for frames. */
  readonly others?: () => void;
}

export class FlowTraffic {
  readonly flows: number;
  readonly sent: Int32Array;
  /** By flow: the number after the last one that came. */
  readonly echoed: Int32Array;
  /** By flow: marks of what came. */
  readonly marks: readonly Set<number>[];
  /** Frames that came behind a later one of their flow, those that never came, and those that came with other contents. */
  disorder = 0;
  lost = 0;
  changed = 0;
  received = 0;
  /** Frames sent so far, over all flows. */
  frames = 0;
  /** Frames sent that have not come yet, and are not given up. */
  inFlight = 0;
  readonly #rx: RxQueue;
  readonly #tx: TxQueue;
  readonly #batch: PacketBatch;
  readonly #frame: number;
  readonly #inARow: number;
  readonly #others: () => void;
  readonly #byMark = new Int32Array(256);
  readonly #expected = Buffer.alloc(HEAD_BYTES);

  constructor(
    { rx, tx }: { readonly rx: readonly RxQueue[]; readonly tx: readonly TxQueue[] },
    flows: number,
    { frame = HEAD_BYTES, burst = BURST, inARow = 1, others = () => {} }: FlowTrafficOptions = {},
  ) {
    this.flows = flows;
    this.sent = new Int32Array(flows);
    this.echoed = new Int32Array(flows);
    this.marks = Array.from({ length: flows }, () => new Set());
    this.#rx = rx[0];
    this.#tx = tx[0];
    this.#batch = new PacketBatch(burst);
    this.#frame = frame;
    this.#inARow = inARow;
    this.#others = others;
  }

  /** Frames that came with this mark. */
  echoedBy(mark: number): number {
    return this.#byMark[mark];
  }

  /** A burst of `count` frames, or as many as the pool has, of the flows in turn. `order`: a word to whoever gets them. */
  send(order = 0, count = this.#batch.capacity): void {
    const { pool } = this.#rx;
    const batch = this.#batch;
    batch.allocate(pool, count);
    for (let i = 0; i < batch.length; i++) {
      const flow = Math.floor(this.frames++ / this.#inARow) % this.flows;
      this.inFlight++;
      lengthen(pool, batch.packets[i], this.#frame);
      writeHead(headOf(pool, batch.packets[i]), this.#frame, flow, this.sent[flow]++, order);
    }
    this.#tx.transmit(batch);
    batch.free(); // what found no room is missed like what is lost elsewhere
  }

  /** Takes what has come. */
  receive(): void {
    const batch = this.#batch;
    this.#rx.receive(batch);
    for (let i = 0; i < batch.length; i++) this.#check(headOf(batch.pool, batch.packets[i]));
    batch.free();
  }

  /** As `receive`, and what there is to do beside. */
  turn(): void {
    this.#others();
    this.receive();
  }

  /** Forgets what is in flight: it is lost. */
  giveUp(): void {
    this.lost += this.inFlight;
    this.inFlight = 0;
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
    this.turn();
    return this.inFlight < most;
  }

  #check(frame: Buffer): void {
    const flow = frame.readUInt32BE(FLOW_OFFSET);
    const number = frame.readUInt32BE(NUMBER_OFFSET);
    const mark = frame[MARK_OFFSET];
    writeHead(this.#expected, this.#frame, flow, number, frame[ORDER_OFFSET]);
    this.#expected[MARK_OFFSET] = mark;
    if (!this.#expected.equals(frame)) this.changed++;
    this.received++;
    this.marks[flow].add(mark);
    this.#byMark[mark]++;
    const missed = number - this.echoed[flow];
    if (missed < 0) {
      this.disorder++;
      this.lost--; // it was taken for lost
      return;
    }
    this.lost += missed;
    this.inFlight -= missed + 1;
    this.echoed[flow] = number + 1;
  }
}

/** Looks again and again, and lets other work run. Rejects with an error of what is missing. */
export async function until(look: () => boolean, missing: string, milliseconds = 10_000): Promise<void> {
  for (const end = performance.now() + milliseconds; !look(); ) {
    if (performance.now() > end) throw new Error(missing);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function headOf(pool: PacketPool, packet: number): Buffer {
  return Buffer.from(pool.bytes.buffer, pool.offset(packet), HEAD_BYTES);
}

/** Makes the packet as long as that, in as many buffers as it takes. */
function lengthen(pool: PacketPool, packet: number, length: number): void {
  let rest = length;
  for (let segment = packet; ; ) {
    const part = Math.min(rest, pool.dataSize);
    pool.length[segment] = part;
    rest -= part;
    if (rest === 0) break;
    const next = pool.allocate();
    pool.chain(segment, next);
    segment = next;
  }
}

/** The first bytes of a UDP frame from 02:…:0b to 02:…:0a; its flow is its source port. */
function writeHead(head: Buffer, length: number, flow: number, number: number, order: number): void {
  head.fill(0);
  head.write('02000000000a02000000000b08004500', 0, 'hex');
  head.writeUInt16BE(length - 14, 16);
  head.write('4011', 22, 'hex');
  head.write('0a0000010a000002', 26, 'hex');
  head.writeUInt16BE(1000 + flow, 34);
  head.writeUInt16BE(2000, 36);
  head.writeUInt16BE(length - 34, 38);
  head[ORDER_OFFSET] = order;
  head.writeUInt32BE(flow, FLOW_OFFSET);
  head.writeUInt32BE(number, NUMBER_OFFSET);
  const fill = Math.imul(flow + 1, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca6b);
  for (let at = FILL_OFFSET; at < HEAD_BYTES; at += 4) head.writeInt32BE(fill ^ at, at);
}
