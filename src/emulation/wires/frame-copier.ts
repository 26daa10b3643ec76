/**
 * Copies frames into one byte array without allocating. `target.set(source.subarray(…))` makes an object for each frame,
 * and a loop over bytes is six times slower than one over words; so words it is, wherever both sides are aligned, which
 * packet buffers and frame rings always are.
 */

/** The same bytes as int32, as far as whole words go; empty if they do not begin on a word. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const aligned = (bytes.byteOffset & 3) === 0;
  return new Int32Array(bytes.buffer, aligned ? bytes.byteOffset : 0, aligned ? bytes.length >> 2 : 0);
}

export class FrameCopier {
  readonly target: Uint8Array;
  readonly #targetWords: Int32Array;
  #source: Uint8Array;
  #sourceWords: Int32Array;
  /** Views over sources seen before: a NIC that sends from two pools must not make a new view for every frame. */
  readonly #known = new WeakMap<Uint8Array, Int32Array>();

  constructor(target: Uint8Array) {
    this.target = target;
    this.#targetWords = wordsOf(target);
    this.#source = target;
    this.#sourceWords = this.#targetWords;
  }

  /** Copies `source[from … from+length-1]` to `target[to …]`. Both ranges must exist. */
  copy(source: Uint8Array, from: number, to: number, length: number): void {
    if (source !== this.#source) this.#switchTo(source);
    const sourceWords = this.#sourceWords;
    const targetWords = this.#targetWords;
    let copied = 0;
    if (((from | to) & 3) === 0 && sourceWords.length > 0 && targetWords.length > 0) {
      copied = length & ~15;
      let read = from >> 2;
      let write = to >> 2;
      for (const end = (from + copied) >> 2; read < end; read += 4, write += 4) {
        targetWords[write] = sourceWords[read];
        targetWords[write + 1] = sourceWords[read + 1];
        targetWords[write + 2] = sourceWords[read + 2];
        targetWords[write + 3] = sourceWords[read + 3];
      }
      for (const end = (from + (length & ~3)) >> 2; read < end; read++, write++) targetWords[write] = sourceWords[read];
      copied = length & ~3;
    }
    const target = this.target;
    for (; copied < length; copied++) target[to + copied] = source[from + copied];
  }

  #switchTo(source: Uint8Array): void {
    let words = this.#known.get(source);
    if (!words) {
      words = wordsOf(source);
      this.#known.set(source, words);
    }
    this.#source = source;
    this.#sourceWords = words;
  }
}
