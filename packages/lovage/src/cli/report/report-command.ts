import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface ReportCommandOptions extends GlobalOptions {
  readonly json?: boolean
}

export function addReport(program: Command): void {
  program
    .command('report')
    .summary('versions, settings and connections, for a bug report')
    .description(
      'Prints versions, the settings that differ from the defaults (secrets masked), and whether broker and results answer.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<ReportCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      const { report, reportText } = await import('./report.js')
      process.exitCode = await useApp(options, 'settings', async ({ core, file }) => {
        const facts = await report(core, file)
        console.log(options.json ? JSON.stringify(facts, null, 2) : reportText(facts))
        return facts.broker.problem === undefined && facts.results.problem === undefined ? 0 : 69
      })
    })
}

const HELP = `
Exit code: 0; 69 when the broker or the result backend does not answer.

Example:
  $ lovage -A src/app.ts report`
