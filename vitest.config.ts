import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { doors, packages } from './scripts/workspace.mjs'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  // Tests run the TypeScript sources; only what they start as processes or threads runs dist.
  resolve: {
    alias: packages()
      .flatMap(doors)
      .map(([door, path]) => ({ find: new RegExp(`^${door}$`), replacement: source(path) })),
  },
  test: {
    include: [
      'examples/ten-programs/10-unit-test.ts',
      'examples/own-broker/*.test.ts',
      'packages/**/*.test.{ts,tsx}',
      'systems/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    globalSetup: ['scripts/build-if-stale.mjs'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
