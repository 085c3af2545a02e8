import { createHash } from 'node:crypto'
import { encodeJson } from '../../message/index.js'
import { bindNamed, bindPositional, type GuardKey, type TaskDefinition } from '../tasks/index.js'

/** The input of a key: the arguments as they are, or were, on the wire. */
export interface KeyedCall {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** Longer keys are digested: they are kept in stores, and in one header. */
const LONGEST_KEY = 120

/**
 * Names the calls that belong together: the task's name, then the result of its key function, or its arguments.
 * @param definition undefined for a task that is known only by its name; then its arguments are compared as they are.
 */
export function guardKey(
  task: string,
  { args, kwargs }: KeyedCall,
  key: GuardKey<never[]> | undefined,
  definition: Pick<TaskDefinition, 'params' | 'input'> | undefined,
): string {
  if (!key) return `${task}:${digest(encodeJson([args, sorted(kwargs)]))}`
  const signature = { task, params: definition?.params }
  const given = definition?.input
    ? [bindNamed(signature, args, kwargs)]
    : bindPositional(signature, args, kwargs)
  // The task's own key function; its types were checked where the task was defined.
  const named = String(key(...(given as never[])))
  return `${task}:${named.length > LONGEST_KEY ? digest(named) : named}`
}

/** Sorts an object's fields, so that equal objects are serialised alike. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  const entries = Object.entries(value).map(([name, inner]) => [name, sorted(inner)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
