/** The transmit side of one queue (virtio 1.2, section 5.1.6.2): from chains to the wire. */
import { type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import { NET_HEADER, NET_HEADER_HASH_BYTES, NET_HEADER_NEEDS_CHECKSUM } from '../../datasheet/virtio/net.ts';
import { write16 } from '../../packets/bytes.ts';
import { internetChecksum, udpChecksum } from '../../packets/checksum.ts';
import type { FrameSink } from '../wire.ts';
import { ChainGatherer } from './chain-gatherer.ts';
import type { DeviceQueue, QueueContext } from './device-queue.ts';
import { netHeaderBytes, SMALLEST_FRAME } from './net-header.ts';
import { TransmitInspector } from './transmit-inspector.ts';

interface NetTransmitSettings {
  /** As negotiated. */
  readonly features: FeatureSet;
  /** Bytes in the largest frame that is sent, with a VLAN tag and without CRC. */
  readonly maximumFrame: number;
}

export class NetTransmit {
  readonly queue: DeviceQueue;
  /** Frames that left, and their bytes. */
  frames = 0;
  bytes = 0;
  /** What was no frame, too long, or in no memory: given back, and not sent. */
  dropped = 0;
  readonly #context: QueueContext;
  readonly #headerBytes: number;
  readonly #maximum: number;
  readonly #completes: boolean;
  readonly #header = new ChainGatherer(NET_HEADER_HASH_BYTES);
  readonly #frame: ChainGatherer;
  readonly #inspector: TransmitInspector | undefined;

  constructor(context: QueueContext, queue: DeviceQueue, { features, maximumFrame }: NetTransmitSettings) {
    this.#context = context;
    this.queue = queue;
    this.#headerBytes = netHeaderBytes(features);
    this.#maximum = maximumFrame;
    this.#completes = hasFeature(features, 'CSUM');
    this.#frame = new ChainGatherer(maximumFrame);
    this.#inspector = context.judge.strict ? new TransmitInspector(context.judge, queue, features) : undefined;
  }

  /**
   * Sends up to `budget` packets; returns how many chains it used, frames or not. What `sink` refuses stays in the ring.
   * The driver learns of it by `queue.publish`.
   */
  send(sink: FrameSink, budget: number): number {
    const { queue } = this;
    let sent = 0;
    while (sent < budget) {
      queue.mark();
      if (!queue.take()) break;
      if (!this.#forward(sink)) {
        queue.rewind();
        break;
      }
      queue.use(0);
      sent++;
    }
    return sent;
  }

  /** Sends the frame in the chain taken last, if it is one. False if the wire has no room. */
  #forward(sink: FrameSink): boolean {
    const { chain } = this.queue;
    const headerBytes = this.#headerBytes;
    const length = chain.readableBytes - headerBytes;
    if (!chain.mapped || length < SMALLEST_FRAME || length > this.#maximum) return this.#drop(length);
    const region = chain.regions[0];
    const whole = chain.lengths[0] >= headerBytes;
    if (!whole) this.#header.gather(chain, 0, headerBytes);
    const header = whole ? region.bytes : this.#header.bytes;
    const at = whole ? chain.offsets[0] : 0;
    this.#inspector?.inspect(header, at);
    if ((header[at + NET_HEADER.FLAGS] & NET_HEADER_NEEDS_CHECKSUM) !== 0 && this.#completes) {
      return this.#complete(sink, header, at, length);
    }
    if (chain.readable === 1) return this.#deliver(sink, region.bytes, at + headerBytes, length);
    if (chain.readable === 2 && chain.lengths[0] === headerBytes) {
      return this.#deliver(sink, chain.regions[1].bytes, chain.offsets[1], length);
    }
    this.#frame.gather(chain, headerBytes, length);
    return this.#deliver(sink, this.#frame.bytes, 0, length);
  }

  /** Sends the frame with the checksum that its header leaves to the device. */
  #complete(sink: FrameSink, header: Uint8Array, at: number, length: number): boolean {
    const start = littleEndian16(header, at + NET_HEADER.CHECKSUM_START);
    const field = start + littleEndian16(header, at + NET_HEADER.CHECKSUM_OFFSET);
    if (field + 2 > length) {
      this.#record('tx.checksum-range', `bytes ${start} and ${field} of ${length}`);
      this.dropped++;
      return true;
    }
    const { bytes } = this.#frame;
    this.#frame.gather(this.queue.chain, this.#headerBytes, length);
    write16(bytes, field, udpChecksum(internetChecksum(bytes, start, length - start)));
    return this.#deliver(sink, bytes, 0, length);
  }

  #deliver(sink: FrameSink, bytes: Uint8Array, offset: number, length: number): boolean {
    if (!sink.deliver(bytes, offset, length)) return false;
    this.frames++;
    this.bytes += length;
    return true;
  }

  #drop(length: number): true {
    if (length < SMALLEST_FRAME) this.#record('tx.no-header', `${this.queue.chain.readableBytes} bytes in all`);
    else if (length > this.#maximum) this.#record('tx.frame-length', `${length} bytes of ${this.#maximum}`);
    this.dropped++;
    return true;
  }

  #record(rule: 'tx.no-header' | 'tx.frame-length' | 'tx.checksum-range', found: string): void {
    this.#context.judge.record(rule, { queue: this.queue.index, found });
  }
}

function littleEndian16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}
