/** Context descriptors (datasheet rev 3.4, section 7.2.3.2.3): what a queue remembers of headers, for packets that ask. */
import {
  TX_CONTEXT_INDEX_SHIFT,
  TX_CONTEXT_IPV4,
  TX_CONTEXT_LENGTHS_VLAN,
  TX_CONTEXT_MSS,
  TX_CONTEXT_TYPE,
  TX_CONTEXT_VLAN_SHIFT,
  TX_CONTEXTS,
  TX_IP_LENGTH_MASK,
  TX_L4_LENGTH_MASK,
  TX_L4_LENGTH_SHIFT,
  TX_L4_TYPE_MASK,
  TX_MAC_LENGTH_MASK,
  TX_MAC_LENGTH_SHIFT,
  TX_MSS_SHIFT,
} from '../../../datasheet/ixgbe/descriptors.ts';

export class TransmitContext {
  /** Whether software has ever written it. */
  loaded = false;
  /** Bytes of each header. */
  macLength = 0;
  ipLength = 0;
  l4Length = 0;
  /** Payload of a segment, in bytes. */
  mss = 0;
  isIpv4 = false;
  /** `TX_L4_UDP`, `TX_L4_TCP`, `TX_L4_SCTP`, or reserved. */
  l4Type = 0;
  /** VLAN tag to insert. */
  vlan = 0;

  /** Takes over the descriptor at word `at`. */
  load(words: Int32Array, at: number): void {
    const lengths = words[at + TX_CONTEXT_LENGTHS_VLAN];
    const type = words[at + TX_CONTEXT_TYPE];
    const sizes = words[at + TX_CONTEXT_MSS];
    this.loaded = true;
    this.ipLength = lengths & TX_IP_LENGTH_MASK;
    this.macLength = (lengths & TX_MAC_LENGTH_MASK) >>> TX_MAC_LENGTH_SHIFT;
    this.vlan = lengths >>> TX_CONTEXT_VLAN_SHIFT;
    this.isIpv4 = (type & TX_CONTEXT_IPV4) !== 0;
    this.l4Type = type & TX_L4_TYPE_MASK;
    this.l4Length = (sizes & TX_L4_LENGTH_MASK) >>> TX_L4_LENGTH_SHIFT;
    this.mss = sizes >>> TX_MSS_SHIFT;
  }

  /** Bytes of all headers in front of what is segmented. */
  get headers(): number {
    return this.macLength + this.ipLength + this.l4Length;
  }
}

/** The contexts of one queue. */
export class TransmitContexts {
  readonly #contexts: readonly TransmitContext[] = Array.from({ length: TX_CONTEXTS }, () => new TransmitContext());

  reset(): void {
    for (const context of this.#contexts) context.loaded = false;
  }

  /** The context that the last word of a context or data descriptor names. */
  named(word: number): TransmitContext {
    return this.#contexts[(word >>> TX_CONTEXT_INDEX_SHIFT) & (TX_CONTEXTS - 1)];
  }

  load(words: Int32Array, at: number): void {
    this.named(words[at + TX_CONTEXT_MSS]).load(words, at);
  }
}
