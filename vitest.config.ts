import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`packages/lovage/src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^lovage$/, replacement: source('index.ts') },
      { find: /^lovage\/testing$/, replacement: source('testing/index.ts') },
    ],
  },
  test: {
    include: ['packages/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
