/**
 * A full memory fence. JavaScript has none by name: an atomic store cannot be overtaken by what came before it, nor an
 * atomic load by what comes after, and the two keep their order.
 */
const word = new Int32Array(new SharedArrayBuffer(4));

export function fence(): void {
  Atomics.store(word, 0, 0);
  Atomics.load(word, 0);
}
