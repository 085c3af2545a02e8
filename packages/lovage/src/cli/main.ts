#!/usr/bin/env node
import { keepYoungHeapSmall } from '../process/index.js'
import { runLocalInstead } from './local-copy.js'

// The reader of the output may stop, as `head` does: that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

keepYoungHeapSmall()

// The project's installed copy of this package takes precedence: its tasks and messages belong to it.
if (!(await runLocalInstead())) {
  const { runCli } = await import('./run-cli.js')
  const code = await runCli(process.argv.slice(2))
  // An app may leave its own connections open; output must be flushed before the process exits.
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => stream.write('', () => resolve()))
  process.exit(code)
}
