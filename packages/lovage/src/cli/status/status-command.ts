import type { Command } from 'commander'
import { counted } from '../../kernel/index.js'
import { type AskOptions, broadcastOptions, withAskOptions } from '../shared/ask-nodes.js'
import { EXIT } from '../shared/exit-codes.js'

export function addStatus(program: Command): void {
  withAskOptions(
    program
      .command('status')
      .summary('list the workers that are up')
      .description('Lists the workers that reply, in any language. Exit code 69 when none does.'),
  )
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<AskOptions>()
      const { useApp } = await import('../shared/use-app.js')
      await useApp(options, 'settings', async ({ app, core }) => {
        const answers = await app.control.inspect(broadcastOptions(options)).ping()
        const nodes = Object.keys(answers)
        if (nodes.length === 0) {
          process.exitCode = EXIT.unavailable
          console.error('Error: No nodes replied within time constraint')
          return
        }
        if (options.json) return console.log(JSON.stringify(answers))
        for (const node of nodes) console.log(`${node}: OK`)
        console.log(`\n${counted(nodes.length, 'node')} online.`)
        const { describeRedelivered, redeliveredTasks } = await import('../../app/fleet/index.js')
        const lost = await redeliveredTasks(core)
        if (lost.length > 0) console.log(lost.map(describeRedelivered).join('\n'))
      })
    })
}

const HELP = `
Examples:
  $ lovage -A src/app.ts status
  $ lovage -b redis://localhost status --json`
