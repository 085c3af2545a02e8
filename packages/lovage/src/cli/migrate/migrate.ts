import { openBroker } from '../../drivers/index.js'
import { ConfigurationError, counted, holdProcess } from '../../kernel/index.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { requireKnown } from '../shared/queue-names.js'
import { useApp } from '../shared/use-app.js'
import { type MigrationEnd, migrateMessages } from './migrate-messages.js'

/** The options of `migrate`. */
export interface MigrateOptions extends GlobalOptions {
  readonly queues?: readonly string[]
  readonly limit?: number
  readonly timeout?: number
  readonly forever?: boolean
  readonly json?: boolean
}

/** Moves messages from one broker to another, and prints how many. */
export async function migrate(source: string, destination: string, options: MigrateOptions): Promise<void> {
  const { queues, limit, timeout, forever = false, json = false, quiet = false } = options
  const ending = new AbortController()
  const end = (): void => ending.abort()
  process.once('SIGINT', end).once('SIGTERM', end)
  await useApp(options, 'settings', async ({ core }) => {
    const { clock, logger, router } = core
    // Its own dead letters and outbox are not moved.
    const { deadLetterUrl: _letters, outboxUrl: _outbox, ...settings } = core.conf
    const opened = [source, destination].map((url) => openBroker(url, { settings, clock, logger }))
    const ends = opened.map((broker): MigrationEnd => ({ clock, logger, router, broker: () => broker }))
    const [from, to] = ends
    // A connection alone does not keep the process alive.
    const release = holdProcess()
    try {
      if (!from || !to) return
      let said = 0
      const done = await migrateMessages(from, to, {
        forever,
        signal: ending.signal,
        ...(queues ? { queues } : {}),
        ...(limit === undefined ? {} : { limit }),
        ...(timeout === undefined ? {} : { idleSeconds: timeout }),
        onMoved(moved) {
          if (quiet || json || moved < said + 1000) return
          said = moved
          console.error(`${moved} moved …`)
        },
      })
      if (json) console.log(JSON.stringify(done))
      else
        console.log(`${counted(done.moved, 'message')} moved; queues: ${done.queues.join(', ') || 'none'}.`)
      if (done.unreadable > 0) {
        process.exitCode = 1
        console.error(
          `${counted(done.unreadable, 'message cannot be read or distinguished, and stays', 'messages cannot be read or distinguished, and stay')} at the source.`,
        )
      }
    } finally {
      release()
      for (const one of await Promise.allSettled(opened))
        if (one.status === 'fulfilled') await one.value.close()
    }
  })
}

/** Moves messages from one queue to another on the same broker. */
export async function migrateQueue(
  from: string,
  to: string,
  options: GlobalOptions & { readonly create?: boolean; readonly json?: boolean },
): Promise<void> {
  if (from === to) throw new ConfigurationError('Both are the same queue.', { code: 'LVG_USAGE' })
  await useApp(options, 'settings', async ({ core }) => {
    await requireKnown(core, options.create ? [from] : [from, to])
    const broker = await core.broker()
    await broker.declare([core.router.queue(to)])
    const moved = await broker.admin.move(from, to)
    const { ready = 0, delayed = 0 } = (await broker.depths([from])).get(from) ?? {}
    if (options.json) return console.log(JSON.stringify({ from, to, moved, ready, delayed }))
    console.log(`${counted(moved, 'message')} moved from ${from} to ${to}.`)
    if (delayed > 0)
      console.error(
        `${counted(delayed, 'message is delayed, and arrives', 'messages are delayed, and arrive')} in ${from} when due.`,
      )
    if (ready > 0) console.error(`${counted(ready, 'message')} arrived in ${from} meanwhile.`)
  })
}
