import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import LongestFirst from './scripts/longest-first.mjs'
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
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          // The template of new projects has a test of its own, for them.
          include: ['packages/!(create-lovage)/**/*.test.{ts,tsx}'],
          // They leave nothing behind, and reading the sources again for each file is most of their work.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: [
            'examples/ten-programs/10-unit-test.ts',
            'examples/own-broker/*.test.ts',
            'systems/**/*.test.ts',
            'test/**/*.test.ts',
          ],
        },
      },
    ],
    globalSetup: ['scripts/build-if-stale.mjs'],
    pool: 'forks',
    // Tests wait more than they work: for servers and processes to start, leases to end, seconds to pass.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // Against what hangs, not what is slow: each starts processes, on a machine that others may keep busy.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    dangerouslyIgnoreUnhandledErrors: false,
  },
})
