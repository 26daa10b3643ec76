import { defineConfig } from 'vitest/config';

/** Tests in virtual machines (docs/vm-tests.md): two at a time, as each keeps little more than one processor busy. */
export default defineConfig({
  test: {
    include: ['test/vm/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
