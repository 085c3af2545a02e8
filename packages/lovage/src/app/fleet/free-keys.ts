import type { Mark } from '../../coordination/index.js'
import type { AppCore } from '../core/index.js'
import { type MessageGuard, pendingValue, UNIQUE } from '../guards/index.js'
import { ask } from './broadcast.js'
import { whereAgreed } from './where-agreed.js'

/** The keys of unique calls that are held now. */
export async function uniqueKeys(core: AppCore): Promise<readonly Mark[]> {
  let marks: readonly Mark[] = []
  await whereAgreed(async () => {
    marks = await (await core.coordination()).list(UNIQUE)
  })
  return marks
}

/** Frees keys, if they are still held by the same calls. */
export async function freeKeys(core: AppCore, marks: readonly Mark[]): Promise<void> {
  if (marks.length > 0) await (await core.coordination()).remove(UNIQUE, marks)
}

/** Frees the keys of unique calls that were removed from their queues. */
export async function freeKeysOf(core: AppCore, ids: readonly string[]): Promise<void> {
  const gone = new Set(ids)
  await freeKeys(
    core,
    (await uniqueKeys(core)).filter((mark) => gone.has(holderOf(mark))),
  )
}

/** Frees the keys of messages that were removed, as they name them. Keys that only time frees are among them: their calls never ran. */
export async function freeKeysIn(
  core: AppCore,
  gone: readonly { readonly id: string; readonly guard: MessageGuard }[],
): Promise<void> {
  if (gone.some(({ guard }) => guard.kind === 'unique' && guard.until === 'expiry'))
    return freeKeysOf(
      core,
      gone.map(({ id }) => id),
    )
  await freeKeys(
    core,
    gone.flatMap(({ id, guard: { kind, key } }) =>
      kind === 'unique' ? [id, pendingValue(id)].map((value) => ({ key, value })) : [],
    ),
  )
}

/**
 * Frees the keys of unique calls that were revoked, unless a worker holds them: it frees them itself when they end. What no worker
 * holds now is dropped by the one that claims it, since the revocation is stored already; until then its key would keep others from
 * being sent.
 */
export async function freeRevoked(core: AppCore, ids: readonly string[]): Promise<void> {
  const revoked = new Set(ids)
  const marks = (await uniqueKeys(core)).filter((mark) => revoked.has(holderOf(mark)) && !isTimed(mark))
  if (marks.length === 0) return
  const answers = await ask(core, 'query_task', { ids: [...new Set(marks.map(holderOf))] })
  const held = new Set(
    Object.values(answers).flatMap((answer) =>
      typeof answer === 'object' && answer !== null ? Object.keys(answer) : [],
    ),
  )
  await freeKeys(
    core,
    marks.filter((mark) => !held.has(holderOf(mark))),
  )
}

/** The id of the task that holds a key. */
export const holderOf = ({ value }: Mark): string => value.split(' ', 1)[0] ?? value

/** Whether only time frees it: such a key counts calls, whatever becomes of them. */
const isTimed = ({ value }: Mark): boolean => /^\S+ \d/.test(value)
