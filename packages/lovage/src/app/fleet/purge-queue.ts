import type { Broker } from '../../broker/index.js'
import type { Mark } from '../../coordination/index.js'
import type { IncomingMessage } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import { type MessageGuard, readGuard } from '../guards/index.js'
import { freeKeys, freeKeysIn, holderOf, uniqueKeys } from './free-keys.js'
import { renewLines } from './rate.js'

const AT_ONCE = 500

/** Removes all ready and delayed messages of a queue; returns how many. Calls like those that were removed are sent again. */
export async function purgeQueue(core: AppCore, queue: string): Promise<number> {
  const broker = await core.broker()
  const marks = await uniqueKeys(core)
  const { browsing } = broker.capabilities
  const waiting = browsing ? await waitingIn(broker, queue, marks) : []
  const gone: { readonly id: string; readonly guard: MessageGuard }[] = []
  // Where messages cannot be found by their ids, they are read as they are removed.
  const see = ({ headers }: IncomingMessage): void => {
    const guard = readGuard(headers)
    if (guard && typeof headers.id === 'string') gone.push({ id: headers.id, guard })
  }
  const purged = await broker.purge(queue, browsing || marks.length === 0 ? undefined : see)
  if (purged > 0) await renewLines(core)
  await freeKeysIn(core, gone)
  // What a worker took in between is held by it, and keeps its key.
  const left = new Set<string>()
  for (let at = 0; at < waiting.length; at += AT_ONCE)
    for (const { id } of await broker.admin.find(waiting.slice(at, at + AT_ONCE).map(holderOf))) left.add(id)
  await freeKeys(
    core,
    waiting.filter((mark) => !left.has(holderOf(mark))),
  )
  return purged
}

/** The keys of calls that wait in a queue. */
async function waitingIn(broker: Broker, queue: string, marks: readonly Mark[]): Promise<readonly Mark[]> {
  const waiting = new Set<string>()
  for (let at = 0; at < marks.length; at += AT_ONCE)
    for (const one of await broker.admin.find(marks.slice(at, at + AT_ONCE).map(holderOf)))
      if (one.queue === queue && one.state !== 'unacked') waiting.add(one.id)
  return marks.filter((mark) => waiting.has(holderOf(mark)))
}
