/** The MSI-X table and its pending bits, behind BAR 4 (PCI Local Bus Specification 3.0, section 6.8.2). */
import { MSIX_BAR_SIZE, MSIX_CONTROL, MSIX_ENABLE, MSIX_FUNCTION_MASK, MSIX_PENDING, MSIX_VECTORS } from './config.ts';
import type { ModelContext } from './context.ts';

const ENTRY_WORDS = 4;
const VECTOR_CONTROL = 3;
const MASKED = 1;

export class MsixTable {
  /** Called for each message that is sent. */
  onMessage: (vector: number) => void = () => {};
  readonly #context: ModelContext;
  readonly #words = new Int32Array(MSIX_BAR_SIZE >>> 2);

  constructor(context: ModelContext) {
    this.#context = context;
    this.reset();
  }

  /** Whether messages are used rather than one interrupt line. */
  get enabled(): boolean {
    return (this.#context.config.read16(MSIX_CONTROL) & MSIX_ENABLE) !== 0;
  }

  reset(): void {
    this.#words.fill(0);
    for (let vector = 0; vector < MSIX_VECTORS; vector++) this.#words[vector * ENTRY_WORDS + VECTOR_CONTROL] = MASKED;
  }

  /** Sends a message, or notes it as pending if the vector is masked. */
  post(vector: number): void {
    const functionMasked = (this.#context.config.read16(MSIX_CONTROL) & MSIX_FUNCTION_MASK) !== 0;
    const vectorMasked = (this.#words[vector * ENTRY_WORDS + VECTOR_CONTROL] & MASKED) !== 0;
    if (functionMasked || vectorMasked) this.#words[(MSIX_PENDING >>> 2) + (vector >>> 5)] |= 1 << (vector & 31);
    else this.onMessage(vector);
  }

  read(offset: number): number {
    return this.#words[offset >>> 2] >>> 0;
  }

  write(offset: number, value: number): void {
    if (offset >= MSIX_VECTORS * ENTRY_WORDS * 4) return;
    this.#words[offset >>> 2] = value;
    this.sendPending();
  }

  /** Sends what is pending and no longer masked. */
  sendPending(): void {
    for (let vector = 0; vector < MSIX_VECTORS; vector++) {
      const word = (MSIX_PENDING >>> 2) + (vector >>> 5);
      const bit = 1 << (vector & 31);
      if ((this.#words[word] & bit) === 0) continue;
      this.#words[word] &= ~bit;
      this.post(vector);
    }
  }
}
