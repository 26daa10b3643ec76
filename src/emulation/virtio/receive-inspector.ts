/** Strict mode: are receive buffers as they must be (virtio 1.2, sections 5.1.6.3.1 and 2.7.4.3)? */
import { hasFeature } from '../../datasheet/virtio/features.ts';
import type { DeviceQueue, QueueJudge } from './device-queue.ts';
import { hasAnyLayout, netHeaderBytes } from './net-header.ts';
import type { NetReceiveSettings } from './net-receive.ts';
import type { QueueRule } from './queue-rules.ts';

/** A VLAN tag comes on top of what section 5.1.6.3.1 has drivers make room for: 1514 bytes and the header. */
const VLAN_TAG = 4;

export class ReceiveInspector {
  readonly #judge: QueueJudge;
  readonly #queue: DeviceQueue;
  readonly #headerBytes: number;
  /** Bytes that each buffer must hold. */
  readonly #least: number;
  /** The header must lie in a descriptor of its own; mergeable buffers never had to. */
  readonly #headerAlone: boolean;

  constructor(judge: QueueJudge, queue: DeviceQueue, { features, maximumFrame }: NetReceiveSettings) {
    const merges = hasFeature(features, 'MRG_RXBUF');
    this.#judge = judge;
    this.#queue = queue;
    this.#headerBytes = netHeaderBytes(features);
    this.#least = this.#headerBytes + (merges ? 0 : maximumFrame - VLAN_TAG);
    this.#headerAlone = !merges && !hasAnyLayout(features);
  }

  /** Looks at the chain taken last, the first of a frame. */
  inspect(): void {
    const { chain } = this.#queue;
    const { readable, writableBytes } = chain;
    if (readable > 0) this.#record('rx.readable', `${readable} buffers that are not`);
    if (writableBytes < this.#headerBytes) this.#record('rx.no-header', `${writableBytes} bytes`);
    else if (writableBytes < this.#least) this.#record('rx.too-small', `${writableBytes} bytes of ${this.#least}`);
    else if (this.#headerAlone && chain.lengths[readable] !== this.#headerBytes) {
      this.#record('rx.framing', `${chain.lengths[readable]} bytes in the first descriptor`);
    }
  }

  #record(rule: QueueRule, found: string): void {
    this.#judge.record(rule, { queue: this.#queue.index, found });
  }
}
