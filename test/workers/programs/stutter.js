// A worker whose loop allocates, and whose steps see objects of another shape at last; then it waits for the end.
import { setTimeout } from 'node:timers/promises';

/** Long enough for V8 to compile it. */
function sum(object) {
  return object.value + 1;
}

export default async function stutter({ watch, signal }) {
  let kept = [];
  const step = watch.around(() => {
    kept.push(new Array(100).fill(kept.length));
    if (kept.length > 10_000) kept = [];
    return 1;
  });
  for (let i = 0; i < 200_000; i++) step();
  for (let i = 0; i < 2_000_000; i++) sum({ value: i });
  sum({ name: 'another', value: 1 });
  while (!signal.aborted) await setTimeout(1);
}
