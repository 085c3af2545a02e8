import type { Command } from 'commander'
import { withTimeoutAndJson } from '../shared/ask-nodes.js'
import { countOf, someSecondsOf } from '../shared/option-values.js'
import type { EventsOptions } from './watch.js'

export function addEvents(program: Command): void {
  withTimeoutAndJson(
    program
      .command('events')
      .summary('watch events live')
      .description(
        'Shows tasks and workers in any language as they change, full screen; prints a line for each event where there is no terminal. Workers send task events if they were started with -E, and while this command runs.',
      )
      .option('-d, --dump', 'print a line for each event, as Celery does')
      .option('-c, --camera <file>', 'append snapshots of the cluster to this file, one JSON object per line')
      .option('-F, --frequency <seconds>', 'seconds between two snapshots (default: 1)', someSecondsOf)
      .option('-r, --maxrate <rate>', 'at most this many snapshots: 10/m')
      .option('--limit <n>', 'exit after this many events', countOf)
      .option('--destination <names>', 'workers that should send task events; default: all'),
  )
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<EventsOptions>()
      const { watchEvents } = await import('./watch.js')
      await watchEvents(options)
    })
}

const HELP = `
Keys of the live view: j, k or arrows move; i shows the task, t its traceback, r its result; c revokes it; l limits how often
tasks of its name run; w changes to the workers, where i asks the worker for its stats; space holds the list still; q quits.

Examples:
  $ lovage -A src/app.ts events
  $ lovage -b redis://localhost events --dump
  $ lovage -b redis://localhost events --json --limit 100
  $ lovage -b redis://localhost events --camera cluster.jsonl --frequency 5`
