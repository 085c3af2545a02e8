import type { AppCore } from '../../app/core/index.js'
import { purgeQueue } from '../../app/fleet/index.js'
import { ConfigurationError, counted } from '../../kernel/index.js'
import { confirm } from '../shared/confirm.js'
import { requireKnown } from '../shared/queue-names.js'

/** The options of a purge. */
export interface PurgeOptions {
  /** Empty = the queues in the settings. */
  readonly queues: readonly string[]
  readonly excludeQueues?: readonly string[]
  readonly force?: boolean
  /** The broker given on the command line. */
  readonly broker?: string
}

/** Purges queues after confirmation; resolves to the exit code. */
export async function purge(app: AppCore, options: PurgeOptions): Promise<0 | 1> {
  if (options.broker !== undefined && options.broker !== app.conf.brokerUrl) {
    throw new ConfigurationError('-b names a different broker than the app’s code, which takes precedence.', {
      code: 'LVG_USAGE',
      hint: 'Leave out -A to purge the queues of the broker that -b names.',
    })
  }
  const queues = await chosen(app, options)
  if (!options.force && !(await isAgreed(app, queues))) {
    console.error('Nothing was removed.')
    return 1
  }
  let removed = 0
  for (const queue of queues) removed += await purgeQueue(app, queue)
  console.log(`${counted(removed, 'message')} removed from ${queues.join(', ')}.`)
  return 0
}

async function chosen(
  app: AppCore,
  { queues, excludeQueues = [] }: PurgeOptions,
): Promise<readonly string[]> {
  await requireKnown(app, [...queues, ...excludeQueues])
  const all = queues.length > 0 ? queues : app.router.declared.map(({ name }) => name)
  return [...new Set(all)].filter((name) => !excludeQueues.includes(name))
}

async function isAgreed(app: AppCore, queues: readonly string[]): Promise<boolean> {
  const broker = await app.broker()
  const depths = await broker.depths(queues)
  const messages = [...depths.values()].reduce((sum, { ready, delayed = 0 }) => sum + ready + delayed, 0)
  return confirm(
    `This removes ${counted(messages, 'message')} from ${queues.join(', ')} at ${broker.location}, permanently.`,
  )
}
