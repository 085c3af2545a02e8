import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface QueuesCommandOptions extends GlobalOptions {
  readonly json?: boolean
}

export function addQueues(program: Command): void {
  program
    .command('queues [names...]')
    .summary('show queues and their messages')
    .description(
      'Shows how many messages of each queue are ready, delayed (waiting for their time), unacknowledged (held by workers) and dead; and which tasks have lost one worker after the other.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (names: readonly string[], _options, command: Command) => {
      const options = command.optsWithGlobals<QueuesCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      const { describeRedelivered, fullQueueReport, knownQueues } = await import('../../app/fleet/index.js')
      const { requireKnown } = await import('../shared/queue-names.js')
      const { table } = await import('../shared/say.js')
      await useApp(options, 'settings', async ({ core }) => {
        await requireKnown(core, names)
        const rows = await fullQueueReport(core, names.length > 0 ? names : await knownQueues(core))
        if (options.json) return console.log(JSON.stringify(rows))
        console.log(
          table(
            ['queue', 'ready', 'delayed', 'unacked', 'dead'],
            rows.map(({ name, ready, delayed, unacked, dead }) => [
              name,
              ready,
              delayed ?? '-',
              unacked ?? '-',
              dead,
            ]),
          ),
        )
        const lost = rows.flatMap(({ redelivered }) => redelivered)
        if (lost.length > 0) console.log(`\n${lost.map(describeRedelivered).join('\n')}`)
      })
    })
}

const HELP = `
Examples:
  $ lovage -A src/app.ts queues
  $ lovage -b redis://localhost queues mail billing --json`
