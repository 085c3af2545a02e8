#!/usr/bin/env node
import { runCli } from './run-cli.js'

// The reader of the output may stop, as `head` does: that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const code = await runCli(process.argv.slice(2))
// An app may leave its own connections open; output must be flushed before the process exits.
for (const stream of [process.stdout, process.stderr])
  await new Promise<void>((resolve) => stream.write('', () => resolve()))
process.exit(code)
