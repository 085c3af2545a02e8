import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface HealthCommandOptions extends GlobalOptions {
  readonly json?: boolean
}

export function addHealth(program: Command): void {
  program
    .command('health [queues...]')
    .summary('check whether the queues are healthy, and why not')
    .description(
      'Queries the broker for waiting messages and dead letters, and every worker for what it consumes and runs.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (names: readonly string[], _options, command: Command) => {
      const options = command.optsWithGlobals<HealthCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      const { printHealth } = await import('./print-health.js')
      process.exitCode = await useApp(options, 'settings', ({ core }) => printHealth(core, names, options))
    })
}

const HELP = `
Exit code: 0 healthy or degraded; 1 critical; 69 unknown, because the broker does not answer.

Examples:
  $ lovage -A src/app.ts health
  $ lovage -A src/app.ts health mail --json`
