import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

export function addAmqp(program: Command): void {
  program
    .command('amqp [words...]')
    .summary('declare, inspect and purge queues of an AMQP broker')
    .description(
      'An interactive prompt for brokers that speak AMQP: queue.declare, queue.depth, queue.purge, basic.publish; with arguments, runs that one command. For other brokers use `list`, `queues`, `purge` and `call`.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ lovage -b amqp://localhost amqp\n  $ lovage -b amqp://localhost amqp queue.declare mail mail topic mail.#',
    )
    .action(async (words: readonly string[], _options: unknown, command: Command) => {
      const { amqp } = await import('./amqp.js')
      await amqp(words, command.optsWithGlobals<GlobalOptions>())
    })
}
