import type { Lovage } from '../../app/index.js'
import { type GlobalOptions, openApp } from '../global-options.js'
import { table } from '../table.js'

/** What is counted of a queue. */
interface Row {
  readonly name: string
  readonly ready: number
  readonly delayed: number
  readonly unacked: number | null
  readonly dead: number
}

/** `lovage queues` */
export async function queues(
  names: readonly string[],
  options: GlobalOptions & { readonly json?: boolean },
): Promise<void> {
  await using app = await openApp(options)
  const rows = await countAll(app, names)
  if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`)
  else
    process.stdout.write(
      table(
        ['queue', 'ready', 'delayed', 'unacked', 'dead'],
        rows.map((row) => [row.name, row.ready, row.delayed, row.unacked ?? '?', row.dead]),
      ),
    )
}

/** Queues of the settings, those that the broker knows, and those with dead letters. */
async function countAll(app: Lovage, names: readonly string[]): Promise<readonly Row[]> {
  const broker = await app.broker()
  const dead = await broker.deadLetters.count()
  const known =
    names.length > 0
      ? names
      : [
          ...new Set([
            ...app.router.declared.map((queue) => queue.name),
            ...(await broker.admin.queues()),
            ...dead.keys(),
          ]),
        ].sort()
  const depths = await broker.depths(known)
  return known.map((name) => {
    const { ready = 0, delayed = 0, unacked = null } = depths.get(name) ?? {}
    return { name, ready, delayed, unacked, dead: dead.get(name) ?? 0 }
  })
}
