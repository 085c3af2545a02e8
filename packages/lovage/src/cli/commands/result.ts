import { EXIT } from '../exit.js'
import { type GlobalOptions, openApp } from '../global-options.js'

interface ResultCommandOptions extends GlobalOptions {
  readonly traceback?: boolean
  readonly json?: boolean
}

/** `lovage result`: the value on standard output; exit code 1 for a task that failed. */
export async function result(id: string, options: ResultCommandOptions): Promise<void> {
  await using app = await openApp(options)
  const info = await app.asyncResult(id).info()
  if (options.json) {
    process.stdout.write(`${JSON.stringify(info ?? { id, state: 'PENDING', known: false })}\n`)
  } else if (!info) {
    process.stdout.write(
      'PENDING (nothing is stored: not sent, not run yet, expired, or its result is ignored)\n',
    )
  } else if (options.traceback) {
    process.stdout.write(`${info.traceback ?? ''}\n`)
  } else {
    process.stdout.write(
      `${info.state === 'SUCCESS' ? '' : `${info.state} `}${JSON.stringify(info.result)}\n`,
    )
  }
  if (info?.state === 'FAILURE' || info?.state === 'REVOKED') process.exitCode = EXIT.failed
}
