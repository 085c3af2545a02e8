import type { Command } from 'commander'
import { type AskOptions, withAskOptions } from '../shared/ask-nodes.js'

/** `graph workers` and `graph bootsteps`: pictures in Graphviz' DOT. */
export function addGraph(program: Command): void {
  withAskOptions(
    program
      .command('graph <what>')
      .summary('print workers, or the parts of a worker, as Graphviz DOT')
      .description(
        'Prints a graph in DOT: `workers` queries the running workers, in any language, and shows what they consume from which broker; `bootsteps` shows the order in which the parts of a worker of this app start. Exit code 69 when no worker replies.',
      ),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ lovage -A src/app.ts graph workers | dot -Tsvg -o workers.svg\n  $ lovage -A src/app.ts graph bootsteps',
    )
    .action(async (what: string, _options: unknown, command: Command) => {
      if (what !== 'workers' && what !== 'bootsteps')
        command.error('error: specify one of workers, bootsteps')
      const { graph } = await import('./graph.js')
      await graph(what === 'workers' ? 'workers' : 'bootsteps', command.optsWithGlobals<AskOptions>())
    })
}
