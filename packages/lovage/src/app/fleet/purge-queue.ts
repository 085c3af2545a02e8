import type { Broker } from '../../broker/index.js'
import type { Mark } from '../../coordination/index.js'
import type { AppCore } from '../core/index.js'
import { UNIQUE } from '../guards/index.js'
import { renewLines } from './rate.js'
import { whereAgreed } from './where-agreed.js'

const AT_ONCE = 500

/** Removes all ready and delayed messages of a queue; returns how many. Calls like those that were removed are sent again. */
export async function purgeQueue(core: AppCore, queue: string): Promise<number> {
  const broker = await core.broker()
  const marks = broker.capabilities.browsing ? await keysIn(core, broker, queue) : []
  const purged = await broker.purge(queue)
  if (purged > 0) await renewLines(core)
  // What a worker took in between is held by it, and keeps its key.
  const left = new Set<string>()
  for (let at = 0; at < marks.length; at += AT_ONCE)
    for (const { id } of await broker.admin.find(marks.slice(at, at + AT_ONCE).map(holderOf))) left.add(id)
  await free(
    core,
    marks.filter((mark) => !left.has(holderOf(mark))),
  )
  return purged
}

/** Frees the keys of unique calls that were removed from their queues. */
export async function freeKeysOf(core: AppCore, ids: readonly string[]): Promise<void> {
  const gone = new Set(ids)
  await free(
    core,
    (await allKeys(core)).filter((mark) => gone.has(holderOf(mark))),
  )
}

/** The keys of calls that wait in a queue. */
async function keysIn(core: AppCore, broker: Broker, queue: string): Promise<readonly Mark[]> {
  const marks = await allKeys(core)
  const waiting = new Set<string>()
  for (let at = 0; at < marks.length; at += AT_ONCE)
    for (const one of await broker.admin.find(marks.slice(at, at + AT_ONCE).map(holderOf)))
      if (one.queue === queue && one.state !== 'unacked') waiting.add(one.id)
  return marks.filter((mark) => waiting.has(holderOf(mark)))
}

async function allKeys(core: AppCore): Promise<readonly Mark[]> {
  let marks: readonly Mark[] = []
  await whereAgreed(async () => {
    marks = await (await core.coordination()).list(UNIQUE)
  })
  return marks
}

async function free(core: AppCore, marks: readonly Mark[]): Promise<void> {
  if (marks.length > 0) await (await core.coordination()).remove(UNIQUE, marks)
}

/** The id of the task that holds a key. */
const holderOf = ({ value }: Mark): string => value.split(' ', 1)[0] ?? value
