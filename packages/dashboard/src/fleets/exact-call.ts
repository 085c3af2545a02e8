import { MASK } from 'lovage'
import { connectionsOf } from 'lovage/driver'
import type { TaskEntry } from '../history/task-entry.js'
import { readPythonLiteral } from '../values/python-literal.js'
import type { Fleet } from './fleet.js'

/** A task's exact arguments. */
export interface ExactCall {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly queue: string | null
}

/** A call, or the reason it is not known exactly. */
export type FoundCall =
  | { readonly ok: true; readonly call: ExactCall }
  | { readonly ok: false; readonly why: string }

/** Finds a task's exact call: in its message, its extended result, or the arguments in its events. */
export async function exactCall(fleet: Fleet, entry: TaskEntry): Promise<FoundCall> {
  const extended = connectionsOf(fleet.app).hasResults
    ? await fleet.tried('results', async () => {
        const [result] = await (await connectionsOf(fleet.app).results()).get([entry.id])
        return result?.extended ?? null
      })
    : null
  if (extended?.name)
    return {
      ok: true,
      call: {
        task: extended.name,
        args: extended.args,
        kwargs: extended.kwargs,
        queue: extended.queue || entry.queue,
      },
    }
  if (entry.name === null) return { ok: false, why: 'its name is unknown' }
  if (entry.args === null) return { ok: false, why: 'its arguments are unknown' }
  if (entry.args.includes(MASK) || entry.kwargs?.includes(MASK))
    return { ok: false, why: 'its arguments contain secrets, which are not stored here' }
  try {
    const args = readPythonLiteral(entry.args)
    const kwargs = readPythonLiteral(entry.kwargs ?? '{}')
    if (!Array.isArray(args) || typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs))
      return { ok: false, why: 'its arguments are shown in a form that cannot be read back' }
    return { ok: true, call: { task: entry.name, args, kwargs: { ...kwargs }, queue: entry.queue } }
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error)
    return { ok: false, why: `its arguments are not shown whole, or not as plain values (${what})` }
  }
}
