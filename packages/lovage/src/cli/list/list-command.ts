import { type Command, InvalidArgumentError } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface ListOptions extends GlobalOptions {
  readonly json?: boolean
}

const WHAT = ['bindings', 'queues'] as const

/** `list bindings`, as in Celery, and `list queues`. */
export function addList(program: Command): void {
  program
    .command('list <what>')
    .summary('list the bindings or the queues of the broker')
    .description(
      'Lists the broker’s queues, or its bindings (queue, exchange, routing key), which not every broker can list.',
    )
    .option('-j, --json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lovage -A src/app.ts list bindings\n  $ lovage -b redis://localhost list queues',
    )
    .action(async (what: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>()
      if (!WHAT.some((known) => known === what))
        command.error(`error: ${new InvalidArgumentError(`specify one of ${WHAT.join(', ')}`).message}`)
      const { useApp } = await import('../shared/use-app.js')
      const { CapabilityError } = await import('../../kernel/index.js')
      const { knownQueues } = await import('../../app/fleet/index.js')
      await useApp(options, 'settings', async ({ core }) => {
        const { admin, location } = await core.broker()
        if (what === 'queues') {
          // Some brokers can only check whether a named queue exists.
          const queues = admin.existing ? await admin.existing(await knownQueues(core)) : await admin.queues()
          return console.log(options.json ? JSON.stringify(queues) : queues.join('\n'))
        }
        if (!admin.bindings)
          throw new CapabilityError(`${location} cannot list its bindings.`, {
            code: 'LVG_CAPABILITY_MISSING',
            hint: 'On RabbitMQ: rabbitmqctl list_bindings.',
          })
        const bindings = [...(await admin.bindings())].sort((a, b) =>
          `${a.queue} ${a.exchange} ${a.routingKey}` < `${b.queue} ${b.exchange} ${b.routingKey}` ? -1 : 1,
        )
        if (options.json) return console.log(JSON.stringify(bindings))
        const row = (...cells: readonly string[]): string =>
          cells
            .map((cell) => cell.padEnd(28))
            .join(' ')
            .trimEnd()
        console.log(row('Queue', 'Exchange', 'Routing Key'))
        console.log(row('-'.repeat(16), '-'.repeat(16), '-'.repeat(16)))
        for (const { queue, exchange, routingKey } of bindings) console.log(row(queue, exchange, routingKey))
      })
    })
}
