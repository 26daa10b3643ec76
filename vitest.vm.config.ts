import { defineConfig } from 'vitest/config';

/** Tests in virtual machines (docs/vm-tests.md): two machines at a time, as one hardly keeps two processors busy. */
export default defineConfig({
  test: {
    include: ['test/vm/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
