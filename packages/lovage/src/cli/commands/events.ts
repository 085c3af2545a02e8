import type { Command } from 'commander'
import { type AskOptions, broadcastOptions, withAskOptions } from '../ask-nodes.js'

interface EventsOptions extends AskOptions {
  readonly dump?: boolean
  readonly limit?: number
}

export function addEvents(program: Command): void {
  withAskOptions(
    program
      .command('events')
      .summary('what workers tell, as it happens')
      .description(
        'Prints the events of workers in any language, a line each, until Ctrl+C. Workers tell of their tasks when they were started with -E, or while this runs.',
      ),
  )
    .option('--dump', 'print a line for each event (the default)')
    .option('--limit <n>', 'end after so many events', Number)
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<EventsOptions>()
      const { useApp } = await import('../use-app.js')
      await useApp(options, 'settings', async (app) => {
        const ending = new AbortController()
        const end = (): void => ending.abort()
        process.once('SIGINT', end).once('SIGTERM', end)
        const events = app.control.events({ signal: ending.signal })
        const first = events.next()
        // Those that say that they were silent are made silent again.
        const asked = await app.control.enableEvents(broadcastOptions(options))
        const silent = Object.entries(asked).flatMap(([node, { ok }]) =>
          ok === 'task events enabled' ? [node] : [],
        )
        await app.control.heartbeat(broadcastOptions(options))
        try {
          let seen = 0
          for (let next = await first; !next.done; next = await events.next()) {
            console.log(options.json ? JSON.stringify(next.value) : lineOf(next.value))
            if (++seen === options.limit) break
          }
        } finally {
          await events.return()
          if (silent.length > 0) await app.control.disableEvents({ destination: silent })
        }
      })
    })
}

function lineOf({ type, hostname, timestamp, ...fields }: Readonly<Record<string, unknown>>): string {
  const { pid: _pid, clock: _clock, utcoffset: _offset, ...rest } = fields
  const time = new Date(Number(timestamp) * 1000).toISOString()
  const words = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return `${time} ${String(hostname)} ${String(type)} ${words.join(' ')}`
}

const HELP = `
Examples:
  $ lovage -A src/app.ts events
  $ lovage -b redis://localhost events --json --limit 100`
