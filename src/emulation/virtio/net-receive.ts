/** The receive side of one queue (virtio 1.2, sections 5.1.6.3 and 5.1.6.4): frames into buffers. */
import { type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import { NET_HEADER_BYTES } from '../../datasheet/virtio/net.ts';
import { ChainScatterer } from './chain-scatterer.ts';
import type { DeviceQueue, QueueContext } from './device-queue.ts';
import type { PacketHash } from './net/packet-hash.ts';
import { netHeaderBytes } from './net-header.ts';
import { type ChecksumReport, ReceiveChecksum } from './receive-checksum.ts';
import { ReceiveInspector } from './receive-inspector.ts';

export interface NetReceiveSettings {
  /** As negotiated. */
  readonly features: FeatureSet;
  /** Bytes in the largest frame that may come, with a VLAN tag and without CRC. */
  readonly maximumFrame: number;
  /** What the device tells of checksums that it finds to be right, with GUEST_CSUM. Default 'valid'. */
  readonly checksums?: ChecksumReport;
  /** The hash of the frame that is stored, with HASH_REPORT. Default: none. */
  readonly hash?: Readonly<PacketHash>;
}

export class NetReceive {
  readonly queue: DeviceQueue;
  /** Frames stored, and their bytes. */
  frames = 0;
  bytes = 0;
  /** Frames that the next buffer was too small for: they are lost, and the buffer stays. */
  tooLarge = 0;
  readonly #headerBytes: number;
  readonly #merges: boolean;
  /** The header as words: flags, gso_type, hdr_len; gso_size, csum_start; csum_offset, num_buffers; hash_value; hash_report. */
  readonly #header: Int32Array;
  readonly #headerAsBytes: Uint8Array;
  readonly #hash: Readonly<PacketHash> | undefined;
  readonly #scatterer = new ChainScatterer();
  readonly #checksum: ReceiveChecksum;
  readonly #inspector: ReceiveInspector | undefined;

  constructor(context: QueueContext, queue: DeviceQueue, settings: NetReceiveSettings) {
    const { features, checksums = 'valid' } = settings;
    this.queue = queue;
    this.#headerBytes = netHeaderBytes(features);
    this.#header = new Int32Array(Math.ceil(this.#headerBytes / 4));
    this.#headerAsBytes = new Uint8Array(this.#header.buffer);
    this.#hash = hasFeature(features, 'HASH_REPORT') ? settings.hash : undefined;
    this.#merges = hasFeature(features, 'MRG_RXBUF');
    this.#checksum = new ReceiveChecksum(
      hasFeature(features, 'GUEST_CSUM') ? checksums : 'none',
      settings.maximumFrame,
    );
    this.#inspector = context.judge.strict ? new ReceiveInspector(context.judge, queue, settings) : undefined;
  }

  /**
   * Puts a frame into as many buffers as it takes. False if there are not enough: then nothing has changed, and the caller
   * drops the frame or keeps it. The driver learns of it by `queue.publish`.
   */
  store(bytes: Uint8Array, offset: number, length: number): boolean {
    const { queue } = this;
    queue.mark();
    if (!queue.take()) return false;
    const { chain } = queue;
    const headerBytes = this.#headerBytes;
    const total = headerBytes + length;
    this.#inspector?.inspect();
    let buffers = 1;
    if (chain.writableBytes < total) {
      if (!this.#merges || chain.writableBytes < headerBytes) {
        queue.rewind();
        this.tooLarge++;
        return true;
      }
      buffers = this.#countBuffers(total);
      if (buffers === 0) return false;
    }
    const checksum = this.#checksum;
    checksum.check(bytes, offset, length);
    this.#scatterer.begin(chain);
    this.#storeHeader(buffers);
    if (buffers === 1) {
      this.#scatterer.write(checksum.bytes, checksum.offset, length);
      queue.use(total);
    } else this.#storeMerged(length);
    this.frames++;
    this.bytes += length;
    return true;
  }

  /** How many buffers `total` bytes take, the first of which is taken again now; 0, and nothing taken, if too few. */
  #countBuffers(total: number): number {
    const { queue } = this;
    let room = queue.chain.writableBytes;
    let buffers = 1;
    for (; room < total; buffers++) {
      if (!queue.take()) {
        queue.rewind();
        return 0;
      }
      room += queue.chain.writableBytes;
    }
    queue.rewind();
    return queue.take() ? buffers : 0;
  }

  /** All buffers but the last are used to their ends (section 5.1.6.4.1). */
  #storeMerged(length: number): void {
    const { queue } = this;
    const { chain } = queue;
    const { bytes, offset } = this.#checksum;
    let stored = Math.min(length, chain.writableBytes - this.#headerBytes);
    this.#scatterer.write(bytes, offset, stored);
    queue.use(this.#headerBytes + stored);
    while (stored < length && queue.take()) {
      const part = Math.min(length - stored, chain.writableBytes);
      this.#scatterer.begin(chain);
      this.#scatterer.write(bytes, offset + stored, part);
      queue.use(part);
      stored += part;
    }
  }

  #storeHeader(buffers: number): void {
    const header = this.#header;
    const { flags, start, field } = this.#checksum;
    // Nothing is ever segmented, nor is the length of headers known: those fields stay 0.
    header[0] = flags;
    header[1] = start << 16;
    header[2] = field | (buffers << 16);
    if (this.#hash) {
      header[3] = this.#hash.value;
      header[4] = this.#hash.report;
    }
    if (this.#headerBytes >= NET_HEADER_BYTES && this.#scatterer.writeWords(header)) return;
    this.#scatterer.write(this.#headerAsBytes, 0, this.#headerBytes);
  }
}
