import { defineConfig } from 'vitest/config';

/** Linux's own driver judges the emulated 82599 (docs/judge.md): two machines at a time, as one hardly keeps two processors busy. */
export default defineConfig({
  test: {
    include: ['test/judge/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
