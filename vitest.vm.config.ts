import { defineConfig } from 'vitest/config';

/** Tests in virtual machines (docs/vm-tests.md): one machine at a time, as each keeps two processors busy. */
export default defineConfig({
  test: {
    include: ['test/vm/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
