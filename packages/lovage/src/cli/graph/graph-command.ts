import type { Command } from 'commander'
import { type AskOptions, withAskOptions } from '../shared/ask-nodes.js'

/** `graph workers` and `graph bootsteps`: pictures in Graphviz' DOT. */
export function addGraph(program: Command): void {
  withAskOptions(
    program
      .command('graph <what>')
      .summary('workers, or the parts of a worker, in Graphviz’ DOT')
      .description(
        'Prints a graph in DOT: `workers` asks the workers that are up, in whatever language, and shows what they consume from which broker; `bootsteps` shows in which order the parts of a worker of this app start. Exit code 69 when no worker answers.',
      ),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ lovage -A src/app.ts graph workers | dot -Tsvg -o workers.svg\n  $ lovage -A src/app.ts graph bootsteps',
    )
    .action(async (what: string, _options: unknown, command: Command) => {
      if (what !== 'workers' && what !== 'bootsteps') command.error('error: say one of workers, bootsteps')
      const { graph } = await import('./graph.js')
      await graph(what === 'workers' ? 'workers' : 'bootsteps', command.optsWithGlobals<AskOptions>())
    })
}
