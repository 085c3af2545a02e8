import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface LogtoolOptions extends GlobalOptions {
  readonly json?: boolean
}

const WHAT = ['stats', 'errors', 'traces', 'incomplete', 'debug']

export function addLogtool(program: Command): void {
  program
    .command('logtool <what> [files...]')
    .summary('analyse the log files of workers')
    .description(
      'Reads log lines of workers, JSON or pretty, including Python’s, from files or standard input. stats: how many tasks were received, succeeded and failed, by name; errors: the lines of those that failed; traces: their tracebacks; incomplete: tasks that were received and never ended; debug: all other lines.',
    )
    .option('-j, --json', 'print JSON (stats, incomplete)')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lovage logtool stats worker.log\n  $ zcat worker.log.*.gz | lovage logtool incomplete',
    )
    .action(async (what: string, files: readonly string[], _options: unknown, command: Command) => {
      if (!WHAT.includes(what)) command.error(`error: specify one of ${WHAT.join(', ')}`)
      const { logtool } = await import('./logtool.js')
      await logtool(what, files, command.optsWithGlobals<LogtoolOptions>().json === true)
    })
}
