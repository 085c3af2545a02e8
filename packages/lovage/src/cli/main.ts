#!/usr/bin/env node
import { keepYoungHeapSmall } from '../process/index.js'
import { runLocalInstead } from './local-copy.js'

// Whoever reads the output may stop reading, as `head` does: nothing is wrong then.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

keepYoungHeapSmall()

// The copy of this package that the project has installed is the one whose tasks and messages it is about.
if (!(await runLocalInstead())) {
  const { runCli } = await import('./run-cli.js')
  const code = await runCli(process.argv.slice(2))
  // An app may leave connections of its own open; what was written must be out before the process is ended.
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => stream.write('', () => resolve()))
  process.exit(code)
}
