import { createInterface } from 'node:readline/promises'
import type { Lovage } from '../../app/index.js'
import { CommandError, EXIT } from '../exit.js'
import { type GlobalOptions, openApp } from '../global-options.js'

interface PurgeCommandOptions extends GlobalOptions {
  readonly force?: boolean
  readonly queues?: readonly string[]
  readonly excludeQueues?: readonly string[]
}

/** `lovage purge`: asks first, unless it is forced; unknown queues are an error, because Celery's habit of ignoring names has cost people their messages. */
export async function purge(names: readonly string[], options: PurgeCommandOptions): Promise<void> {
  await using app = await openApp(options)
  const queues = await chosen(app, [...names, ...(options.queues ?? [])], new Set(options.excludeQueues))
  if (!options.force && !(await confirmed(queues))) {
    process.stdout.write('Nothing was purged.\n')
    process.exitCode = EXIT.failed
    return
  }
  const broker = await app.broker()
  let total = 0
  for (const queue of queues) {
    const removed = await broker.purge(queue)
    total += removed
    process.stdout.write(`${queue}: ${removed} messages removed\n`)
  }
  process.stdout.write(`${total} messages removed from ${queues.length} queues.\n`)
}

async function chosen(
  app: Lovage,
  names: readonly string[],
  excluded: ReadonlySet<string>,
): Promise<readonly string[]> {
  const known = new Set([
    ...app.router.declared.map((queue) => queue.name),
    ...(await (await app.broker()).admin.queues()),
  ])
  const unknown = names.filter((name) => !known.has(name))
  if (unknown.length > 0)
    throw new CommandError(`There is no queue ${unknown.join(', ')}.`, {
      hint: `There are ${[...known].sort().join(', ')}.`,
    })
  return (names.length > 0 ? names : [...known].sort()).filter((name) => !excluded.has(name))
}

async function confirmed(queues: readonly string[]): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new CommandError('Nobody is there to be asked.', { hint: 'Use -f to purge without being asked.' })
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const answer = await terminal.question(
      `Remove all waiting messages of ${queues.join(', ')}? They cannot be brought back. [yes/no] `,
    )
    return answer.trim().toLowerCase() === 'yes'
  } finally {
    terminal.close()
  }
}
