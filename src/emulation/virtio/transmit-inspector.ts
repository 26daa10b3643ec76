/** Strict mode: is what the driver wants sent as it must be (virtio 1.2, section 5.1.6.2.1)? */
import { type FeatureName, type FeatureSet, hasFeature } from '../../datasheet/virtio/features.ts';
import { GSO_NONE, NET_HEADER, NET_HEADER_BYTES, NET_HEADER_NEEDS_CHECKSUM } from '../../datasheet/virtio/net.ts';
import type { DeviceQueue, QueueJudge } from './device-queue.ts';
import { hasAnyLayout, netHeaderBytes } from './net-header.ts';
import type { QueueRule } from './queue-rules.ts';

const SEGMENTATION: readonly FeatureName[] = ['HOST_TSO4', 'HOST_TSO6', 'HOST_UFO'];

export class TransmitInspector {
  readonly #judge: QueueJudge;
  readonly #queue: DeviceQueue;
  readonly #allowedFlags: number;
  readonly #segments: boolean;
  readonly #anyLayout: boolean;
  readonly #headerBytes: number;

  constructor(judge: QueueJudge, queue: DeviceQueue, features: FeatureSet) {
    this.#judge = judge;
    this.#queue = queue;
    this.#allowedFlags = hasFeature(features, 'CSUM') ? NET_HEADER_NEEDS_CHECKSUM : 0;
    this.#segments = SEGMENTATION.some((name) => hasFeature(features, name));
    this.#anyLayout = hasAnyLayout(features);
    this.#headerBytes = netHeaderBytes(features);
  }

  /** Looks at the chain taken last, whose header begins at `header[at]`. */
  inspect(header: Uint8Array, at: number): void {
    const { chain } = this.#queue;
    if (chain.count > chain.readable) this.#record('tx.writable', `${chain.count - chain.readable} buffers`);
    if (!this.#anyLayout && chain.lengths[0] !== this.#headerBytes) {
      this.#record('tx.framing', `${chain.lengths[0]} bytes in the first descriptor`);
    }
    const flags = header[at + NET_HEADER.FLAGS];
    if ((flags & ~this.#allowedFlags) !== 0) this.#record('tx.flags', `flags ${flags.toString(16)}`);
    const segmentation = header[at + NET_HEADER.GSO_TYPE];
    if (segmentation !== GSO_NONE && !this.#segments) this.#record('tx.gso', `gso_type ${segmentation}`);
    const buffers = at + NET_HEADER.NUMBER_OF_BUFFERS;
    if (this.#headerBytes >= NET_HEADER_BYTES && (header[buffers] | header[buffers + 1]) !== 0) {
      this.#record('tx.num-buffers', `${header[buffers] | (header[buffers + 1] << 8)}`);
    }
  }

  #record(rule: QueueRule, found: string): void {
    this.#judge.record(rule, { queue: this.#queue.index, found });
  }
}
