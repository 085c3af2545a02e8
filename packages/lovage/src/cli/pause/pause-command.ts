import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

/** `pause` and `resume`: stop and restart claims from queues. */
export function addPause(program: Command): void {
  program
    .command('pause [queues...]')
    .summary('stop workers from claiming from queues')
    .description(
      'Stops all workers of the cluster, including those that start later, from claiming from the queues until they are resumed. Producers continue; messages wait. Without a name, lists the paused queues.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ lovage -A src/app.ts pause billing\n  $ lovage -A src/app.ts pause',
    )
    .action(async (queues: readonly string[], _options, command: Command) => {
      const { useApp } = await import('../shared/use-app.js')
      const { knownQueues } = await import('../../app/fleet/index.js')
      await useApp(command.optsWithGlobals<GlobalOptions>(), 'settings', async ({ app, core }) => {
        if (queues.length > 0) {
          await app.control.pauseQueues(...queues)
          // A queue may be paused before it is there, and a name misspelt.
          const known = await knownQueues(core)
          const unknown = queues.filter((name) => !known.includes(name))
          if (unknown.length > 0)
            console.error(`There is no queue ${unknown.join(', ')} yet; known queues: ${known.join(', ')}.`)
        }
        const paused = await app.control.pausedQueues()
        console.log(paused.length > 0 ? `paused: ${paused.join(', ')}` : 'no queue is paused')
      })
    })
}

export function addResume(program: Command): void {
  program
    .command('resume <queues...>')
    .summary('undo a pause')
    .description('Lets workers claim from paused queues again.')
    .addHelpText('after', '\nExamples:\n  $ lovage -A src/app.ts resume billing')
    .action(async (queues: readonly string[], _options, command: Command) => {
      const { useApp } = await import('../shared/use-app.js')
      await useApp(command.optsWithGlobals<GlobalOptions>(), 'settings', async ({ app }) => {
        const resumed = await app.control.resumeQueues(...queues)
        console.log(`resumed ${resumed} of ${queues.length}`)
      })
    })
}
