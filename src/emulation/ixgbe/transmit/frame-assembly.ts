/** Puts together a packet that is spread over several transmit descriptors (datasheet rev 3.4, section 7.2.1.2). */
import {
  DESCRIPTOR_WORDS,
  TX_LENGTH_MASK,
  TX_PAYLEN_MAXIMUM,
  TX_READ_ADDRESS_HIGH,
  TX_READ_ADDRESS_LOW,
  TX_READ_COMMAND,
} from '../../../datasheet/ixgbe/descriptors.ts';
import type { DmaTranslator } from '../../dma-translator.ts';
import { FrameCopier } from '../../wires/frame-copier.ts';
import type { DescriptorRing } from '../ring.ts';

/** More than any packet that may be sent, large sends too; what exceeds it is cut off. */
const CAPACITY = TX_PAYLEN_MAXIMUM + 0x401;

export class FrameAssembly {
  readonly bytes = new Uint8Array(CAPACITY);
  readonly #copier = new FrameCopier(this.bytes);

  /** Copies the buffers of `descriptors` descriptors from the head on; the packet's length, or −1 if one is unmapped. */
  gather(ring: DescriptorRing, descriptors: number, buffers: DmaTranslator): number {
    const { words, base, count } = ring;
    let total = 0;
    for (let i = 0, index = ring.head; i < descriptors; i++) {
      const at = base + index * DESCRIPTOR_WORDS;
      const length = Math.min(words[at + TX_READ_COMMAND] & TX_LENGTH_MASK, CAPACITY - total);
      const low = words[at + TX_READ_ADDRESS_LOW];
      const from = buffers.translate(low, words[at + TX_READ_ADDRESS_HIGH], length);
      if (from < 0) return -1;
      this.#copier.copy(buffers.region.bytes, from, total, length);
      total += length;
      if (++index === count) index = 0;
    }
    return total;
  }
}
