import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface CheckOptions extends GlobalOptions {
  readonly deploy?: boolean
  readonly json?: boolean
}

export function addCheck(program: Command): void {
  program
    .command('check')
    .summary('check whether the app is ready for production (--deploy)')
    .description(
      'With --deploy: checks for settings that are harmful in production, routes, a live worker on every queue, sizing and monitoring, and runs the app’s own checks (app.deployChecks); prints PASS, WARN or FAIL for each. `lovage doctor` checks whether the app works here at all.',
    )
    .option('--deploy', 'check what a deployment needs')
    .option('-j, --json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit code: 0; 1 when something failed, such as a queue without a worker.\n\nExample:\n  $ lovage -A src/app.ts check --deploy',
    )
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CheckOptions>()
      if (!options.deploy) command.error('error: specify what to check: --deploy (or run `lovage doctor`)')
      const { useApp } = await import('../shared/use-app.js')
      const { checkDeploy } = await import('../../health/index.js')
      process.exitCode = await useApp(options, 'tasks', async ({ core }) => {
        const findings = await checkDeploy(core)
        if (options.json) console.log(JSON.stringify(findings))
        else
          for (const { check, verdict, detail, advice } of findings) {
            console.log(`${verdict.toUpperCase()}  ${check}: ${detail}`)
            if (advice !== undefined) console.log(`      ${advice}`)
          }
        return findings.some(({ verdict }) => verdict === 'fail') ? 1 : 0
      })
    })
}
