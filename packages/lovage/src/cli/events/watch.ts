import type { Lovage } from '../../app/index.js'
import type { Event } from '../../events/index.js'
import { ConfigurationError, holdProcess, intervalOf } from '../../kernel/index.js'
import { type AskOptions, broadcastOptions } from '../shared/ask-nodes.js'
import { useApp } from '../shared/use-app.js'
import { takePictures } from './camera.js'
import { EventDump } from './dump-line.js'
import { runMonitor } from './run-monitor.js'

/** The options of `events`. */
export interface EventsOptions extends AskOptions {
  readonly dump?: boolean
  readonly limit?: number
  readonly camera?: string
  readonly frequency?: number
  readonly maxrate?: string
}

/** Shows, prints or records workers' events, depending on the options. */
export async function watchEvents(options: EventsOptions): Promise<void> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
  await useApp(options, 'settings', async ({ app, core }) => {
    const broker = await core.broker()
    if (!broker.capabilities.fanout) {
      throw new ConfigurationError(
        `No events can arrive at ${broker.location}: no other process can reach it.`,
        {
          code: 'LVG_CAPABILITY_MISSING',
        },
      )
    }
    if (options.camera !== undefined) await photograph(app, options, options.camera)
    else if (isTerminal && !options.dump && !options.json && options.limit === undefined)
      await runMonitor(app, broker.location, (work) => whileTold(app, options, work))
    else await print(app, options)
  })
}

/** Enables task events while this runs; workers that had them disabled are reset afterwards. */
async function whileTold(app: Lovage, options: EventsOptions, work: () => Promise<void>): Promise<void> {
  const asked = await app.control.enableEvents(broadcastOptions(options))
  const silent = Object.entries(asked).flatMap(([node, { ok }]) =>
    ok === 'task events enabled' ? [node] : [],
  )
  try {
    await work()
  } finally {
    if (silent.length > 0) await app.control.disableEvents({ destination: silent })
  }
}

async function print(app: Lovage, options: EventsOptions): Promise<void> {
  const signal = untilSignal()
  const dump = new EventDump()
  const lineOf = (event: Event): string =>
    options.json ? JSON.stringify(event, bigintAsText) : dump.line(event, app.clock.now())
  // A closed pipe ends the command, as usual.
  process.stdout.on('error', () => process.exit(0))
  if (!options.json) console.log('-> evdump: starting capture...')
  const events = app.events({ signal })
  const first = events.next()
  await whileTold(app, options, async () => {
    await app.control.heartbeat(broadcastOptions(options))
    let seen = 0
    for (let next = await first; !next.done; next = await events.next()) {
      console.log(lineOf(next.value))
      if (++seen === options.limit) break
    }
    await events.return()
  })
}

async function photograph(app: Lovage, options: EventsOptions, file: string): Promise<void> {
  const { frequency = 1, maxrate } = options
  const everyMs = Math.max(frequency * 1000, intervalOf(maxrate) ?? 0)
  if (!(everyMs > 0))
    throw new ConfigurationError('There must be some time between two snapshots.', { code: 'LVG_USAGE' })
  const changed = new Set<string>()
  await using cluster = await app.events.cluster({
    onEvent: ({ type, uuid }) => {
      if (type.startsWith('task-') && typeof uuid === 'string') changed.add(uuid)
    },
  })
  await whileTold(app, options, async () => {
    if (!options.quiet) console.error(`Writing snapshots to ${file} every ${everyMs / 1000} s; Ctrl+C stops.`)
    const signal = untilSignal()
    const release = holdProcess()
    try {
      await takePictures(cluster, {
        file,
        everyMs,
        signal,
        takeChanged() {
          const ids = [...changed]
          changed.clear()
          return ids
        },
        now: () => app.clock.now(),
      })
    } finally {
      release()
    }
  })
}

/** Aborted by the first signal to end. */
function untilSignal(): AbortSignal {
  const ending = new AbortController()
  const end = (): void => ending.abort()
  process.once('SIGINT', end).once('SIGTERM', end).once('SIGHUP', end)
  return ending.signal
}

/** Integers beyond JavaScript's range, as strings: events are untrusted. */
const bigintAsText = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value
