import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface DoctorCommandOptions extends GlobalOptions {
  readonly json?: boolean
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('check whether the app can work here, and what to change')
    .description(
      'Checks settings, servers, clocks and workers, and sends a task there and back; prints PASS or FAIL for each, with advice.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<DoctorCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      const { examine } = await import('../../health/index.js')
      process.exitCode = await useApp(options, 'settings', async ({ core }) => {
        const findings = await examine(core)
        if (options.json) console.log(JSON.stringify(findings))
        else
          for (const { check, passed, detail, advice } of findings) {
            console.log(`${passed ? 'PASS' : 'FAIL'}  ${check}: ${detail}`)
            if (advice !== undefined) console.log(`      ${advice}`)
          }
        return findings.every(({ passed }) => passed) ? 0 : 1
      })
    })
}

const HELP = `
Exit code: 0 when everything passed, else 1.

Example:
  $ lovage -A src/app.ts doctor`
