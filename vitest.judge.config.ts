import { defineConfig } from 'vitest/config';

/** Linux's own driver judges the emulated 82599 (docs/judge.md): one machine at a time, as it keeps two processors busy. */
export default defineConfig({
  test: {
    include: ['test/judge/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
