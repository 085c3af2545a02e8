import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

export function addDashboard(program: Command): void {
  program
    .command('dashboard [options...]')
    .alias('flower')
    .summary('serve the dashboard: history, search, actions, Flower’s interface')
    .description(
      'Serves the dashboard of the package @lovage/dashboard: a searchable history of tasks in any language, and actions for operators. It has Flower’s paths, options (with - or _, or as FLOWER_… in the environment) and metrics.',
    )
    .allowUnknownOption()
    .addHelpText('after', HELP)
    .action(async (_arguments: readonly string[], _options, command: Command) => {
      const { runDashboardCommand } = await import('./run-dashboard.js')
      process.exitCode = await runDashboardCommand(command.optsWithGlobals<GlobalOptions>(), command.args)
    })
}

const HELP = `
Common options: --port 5555, --address 0.0.0.0, --unix-socket PATH, --url-prefix flower, --basic-auth user:password[:role],
--read-only, --db PATH, --keep-days 30, --keep-tasks 1000000, --fleet name=broker-url, --certfile and --keyfile.
All options: lovage dashboard --options

Examples:
  $ lovage -A src/app.ts dashboard --port 5555
  $ lovage -b redis://localhost flower --basic_auth=ada:secret --url-prefix=flower`
