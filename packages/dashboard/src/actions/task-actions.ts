import { exactCall } from '../fleets/exact-call.js'
import type { Fleet } from '../fleets/fleet.js'
import { letterOf } from '../fleets/letter-of.js'
import type { TaskEntry } from '../history/task-entry.js'
import { fromJson } from '../values/lossless-json.js'
import type { Action } from './action.js'
import type { Progress } from './jobs.js'
import { Invalid } from './refused.js'

/** Actions on single tasks. */
export type TaskAction = Extract<Action, { readonly tasks: unknown }>

/** Performs an action on tasks; returns what was done, and the reasons for failures. */
export async function actOnTasks(
  fleet: Fleet,
  action: TaskAction,
  ids: readonly string[],
): Promise<Progress & { readonly why: readonly string[]; readonly taskId?: string }> {
  const { app } = fleet
  switch (action.kind) {
    case 'task.revoke':
      await app.control.revoke(ids)
      return { done: ids.length, failed: 0, why: [] }
    case 'task.terminate':
      await app.control.revoke(ids, {
        terminate: true,
        // The schema checked its form; a worker refuses a signal that its system lacks.
        ...(action.signal ? { signal: action.signal as NodeJS.Signals } : {}),
      })
      return { done: ids.length, failed: 0, why: [] }
    case 'task.abort':
      for (const id of ids) await app.asyncResult(id).abort()
      return { done: ids.length, failed: 0, why: [] }
    case 'task.retry':
      return retryTasks(fleet, ids)
  }
}

async function retryTasks(
  fleet: Fleet,
  ids: readonly string[],
): Promise<Progress & { readonly why: readonly string[]; readonly taskId?: string }> {
  const entries = new Map((await fleet.store.find(ids)).map((entry) => [entry.id, entry]))
  const why: string[] = []
  let taskId: string | undefined
  for (const id of ids) {
    const entry = entries.get(id)
    const sent = entry ? await retryOne(fleet, entry) : { why: 'it is not in the history' }
    if ('why' in sent) why.push(`${id} cannot be retried: ${sent.why}.`)
    else taskId = sent.taskId
  }
  return { done: ids.length - why.length, failed: why.length, why, ...(taskId ? { taskId } : {}) }
}

/** A dead letter is redriven unchanged, with its place in a canvas; otherwise the call is sent again under a new id. */
async function retryOne(
  fleet: Fleet,
  entry: TaskEntry,
): Promise<{ readonly taskId: string } | { readonly why: string }> {
  const letter = await letterOf(fleet, entry.id)
  if (letter) {
    const { retried } = await fleet.app.deadLetters.retry([letter.id])
    if (retried === 1) return { taskId: entry.id }
  }
  const found = await exactCall(fleet, entry)
  if (!found.ok) return { why: found.why }
  const { task, args, kwargs, queue } = found.call
  const result = await fleet.app.sendTask(task, { args, kwargs, ...(queue === null ? {} : { queue }) })
  return { taskId: result.id }
}

/** Sends a task again with other arguments. @throws {Invalid} */
export async function editAndRetry(
  fleet: Fleet,
  { id, args, kwargs, queue }: Extract<Action, { kind: 'task.edit-retry' }>,
): Promise<string> {
  const given = callOf(args, kwargs)
  const letter = await letterOf(fleet, id)
  if (letter) {
    await fleet.app.deadLetters.edit(letter.id, { ...given, ...(queue === undefined ? {} : { queue }) })
    return id
  }
  const [entry] = await fleet.store.find([id])
  if (!entry?.name) throw new Invalid(`The name of the task ${id} is unknown.`)
  const to = queue ?? entry.queue ?? undefined
  const result = await fleet.app.sendTask(entry.name, {
    ...given,
    ...(to === undefined ? {} : { queue: to }),
  })
  return result.id
}

/** Parses arguments typed by a user. @throws {Invalid} */
export function callOf(
  args: string,
  kwargs: string,
): { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> } {
  const read = (what: string, text: string): unknown => {
    try {
      return fromJson(text)
    } catch (error) {
      throw new Invalid(
        `The ${what} are not valid JSON: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
  const list = read('arguments', args.trim() === '' ? '[]' : args)
  const named = read('named arguments', kwargs.trim() === '' ? '{}' : kwargs)
  if (!Array.isArray(list)) throw new Invalid('The arguments must be a JSON list, such as [1, "two"].')
  if (typeof named !== 'object' || named === null || Array.isArray(named))
    throw new Invalid('The named arguments must be a JSON object, such as {"a": 1}.')
  return { args: list, kwargs: { ...named } }
}
