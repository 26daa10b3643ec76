/** Makes garbage until it is terminated, and keeps some of it for a while, as programs do. */
const KEPT = 1000;
const kept: unknown[] = [];

for (let i = 0; ; i++) kept[i % KEPT] = Array.from({ length: 1000 }, (_, value) => ({ value }));
