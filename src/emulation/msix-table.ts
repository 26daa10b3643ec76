/** The MSI-X table and its pending bits, in a BAR of their own (PCI Local Bus Specification 3.0, section 6.8.2). */
import type { ConfigSpace } from './config-space.ts';
import { MSIX_ENABLE, MSIX_FUNCTION_MASK, type MsixCapability } from './msix-capability.ts';

const ENTRY_WORDS = 4;
const VECTOR_CONTROL = 3;
const MASKED = 1;

export class MsixTable {
  /** Called for each message that is sent. */
  onMessage: (vector: number) => void = () => {};
  readonly #config: ConfigSpace;
  readonly #control: number;
  readonly #vectors: number;
  /** The BAR's content, and where the table and the pending bits begin in it. */
  readonly #words: Int32Array;
  readonly #table: number;
  readonly #pending: number;

  /** `config` and `capability` are the device's; `size`: bytes in the BAR. */
  constructor(config: ConfigSpace, capability: MsixCapability, size: number) {
    this.#config = config;
    this.#control = capability.control;
    this.#vectors = capability.vectors;
    this.#words = new Int32Array(size >>> 2);
    this.#table = capability.table >>> 2;
    this.#pending = capability.pending >>> 2;
    this.reset();
  }

  /** Whether messages are used rather than one interrupt line. */
  get enabled(): boolean {
    return (this.#config.read16(this.#control) & MSIX_ENABLE) !== 0;
  }

  reset(): void {
    this.#words.fill(0);
    for (let vector = 0; vector < this.#vectors; vector++) this.#words[this.#vectorControl(vector)] = MASKED;
  }

  /** Sends a message, or notes it as pending if the vector is masked. */
  post(vector: number): void {
    const functionMasked = (this.#config.read16(this.#control) & MSIX_FUNCTION_MASK) !== 0;
    const vectorMasked = (this.#words[this.#vectorControl(vector)] & MASKED) !== 0;
    if (functionMasked || vectorMasked) this.#words[this.#pending + (vector >>> 5)] |= 1 << (vector & 31);
    else this.onMessage(vector);
  }

  /** The word at byte `offset` of the BAR, unsigned. */
  read(offset: number): number {
    return this.#words[offset >>> 2] >>> 0;
  }

  /** Writes outside the table go nowhere. */
  write(offset: number, value: number): void {
    const word = offset >>> 2;
    if (word < this.#table || word >= this.#table + this.#vectors * ENTRY_WORDS) return;
    this.#words[word] = value;
    this.sendPending();
  }

  /** Sends what is pending and no longer masked. */
  sendPending(): void {
    for (let vector = 0; vector < this.#vectors; vector++) {
      const word = this.#pending + (vector >>> 5);
      const bit = 1 << (vector & 31);
      if ((this.#words[word] & bit) === 0) continue;
      this.#words[word] &= ~bit;
      this.post(vector);
    }
  }

  #vectorControl(vector: number): number {
    return this.#table + vector * ENTRY_WORDS + VECTOR_CONTROL;
  }
}
