import { isSecretName, MASK } from '../../kernel/index.js'
import { isPlainValue, reprArgs, reprKwargs, reprValue } from '../../message/index.js'
import type { TaskContext } from './context.js'
import type { TaskOptions } from './task-options.js'

/** The parts of a task needed to hide its secrets. */
export interface Redacted {
  /** `redact` from its options. */
  readonly redact: TaskOptions['redact']
  readonly params: readonly string[] | undefined
}

interface Arguments {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** Shorter values are not secrets, and would spoil every text that is searched for them. */
const SHORTEST_SECRET = 4
/** Maximum depth searched; deeper values are hidden entirely. */
const DEEPEST = 64

/** A call's arguments as shown in logs, events and listings. */
export function shownArguments(
  task: Redacted,
  given: Arguments,
): { readonly argsRepr: string; readonly kwargsRepr: string } | undefined {
  if (!hides(task)) return undefined
  if (task.redact === true)
    return { argsRepr: given.args.length > 0 ? `(${MASK})` : '()', kwargsRepr: `{${MASK}}` }
  const { args, kwargs } = hideArguments(task, given)
  return { argsRepr: reprArgs(args), kwargsRepr: reprKwargs(kwargs) }
}

/** A call's arguments with their secrets masked, for display. */
export function hideArguments(task: Redacted, { args, kwargs }: Arguments): Arguments {
  if (task.redact === true)
    return {
      args: args.map(() => MASK),
      kwargs: Object.fromEntries(Object.keys(kwargs).map((name) => [name, MASK])),
    }
  const isHidden = hidden(task)
  return {
    args: args.map((value, place) => {
      const name = task.params?.[place]
      return name !== undefined && isHidden(name) ? MASK : masked(value, isHidden, 0)
    }),
    // A record stays a record.
    kwargs: masked(kwargs, isHidden, 0) as Readonly<Record<string, unknown>>,
  }
}

/** Values by name, such as headers, with their secrets masked. */
export const hideByName = (values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  masked(values, isSecretName, 0) as Readonly<Record<string, unknown>>

/** A run's result as shown in logs and events. */
export function shownResult({ task, args, kwargs, redact }: ContextOf, value: unknown): string {
  const { resultReprMaxSize = 1024 } = task.options
  if (redact === true) return MASK
  const text = reprValue(value, resultReprMaxSize)
  return redact ? scrub(text, secretsIn({ redact, params: task.definition?.params }, { args, kwargs })) : text
}

type ContextOf = Pick<TaskContext, 'task' | 'args' | 'kwargs' | 'redact'>

/** The error that a task threw, with the secrets of its arguments removed from messages and stacks. */
export function scrubError(
  { task, args, kwargs, headers, redact }: ContextOf & Pick<TaskContext, 'headers'>,
  thrown: unknown,
): unknown {
  const secrets = [
    ...secretsIn({ redact, params: task.definition?.params }, { args, kwargs }),
    ...secretsIn({ redact: undefined, params: undefined }, { args: [], kwargs: headers }),
  ]
  return secrets.length === 0 ? thrown : scrubbed(thrown, secrets, 0)
}

/** Whether any of a task's arguments are hidden for a reason other than their names. */
function hides({ redact, params }: Redacted): boolean {
  if (redact !== undefined && redact !== false) return true
  return params?.some(isSecretName) ?? false
}

function hidden({ redact }: Redacted): (name: string) => boolean {
  if (!Array.isArray(redact)) return isSecretName
  const names: ReadonlySet<string> = new Set(redact)
  return (name) => names.has(name) || isSecretName(name)
}

function masked(value: unknown, isHidden: (name: string) => boolean, depth: number): unknown {
  if (depth > DEEPEST) return MASK
  if (Array.isArray(value)) return value.map((item) => masked(item, isHidden, depth + 1))
  if (!isPlainValue(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      isHidden(name) ? MASK : masked(inner, isHidden, depth + 1),
    ]),
  )
}

/** The texts that must not appear, longest first. */
function secretsIn(task: Redacted, { args, kwargs }: Arguments): readonly string[] {
  const found = new Set<string>()
  const isHidden = hidden(task)
  const take = (value: unknown, isSecret: boolean, depth: number): void => {
    if (depth > DEEPEST) return
    if (Array.isArray(value)) for (const item of value) take(item, isSecret, depth + 1)
    else if (isPlainValue(value))
      for (const [name, inner] of Object.entries(value)) take(inner, isSecret || isHidden(name), depth + 1)
    else if (isSecret && ['string', 'number', 'bigint'].includes(typeof value)) {
      const text = String(value)
      if (text.length >= SHORTEST_SECRET) found.add(text)
    }
  }
  const isAll = task.redact === true
  for (const [place, value] of args.entries()) take(value, isAll || isHidden(task.params?.[place] ?? ''), 0)
  take(kwargs, isAll, 0)
  return [...found].sort((left, right) => right.length - left.length)
}

function scrub(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, MASK), text)
}

/** A copy of the same class: the error itself may be shared or frozen. */
function scrubbed(thrown: unknown, secrets: readonly string[], depth: number): unknown {
  if (typeof thrown === 'string') return scrub(thrown, secrets)
  if (depth > DEEPEST) return MASK
  if (Array.isArray(thrown)) return thrown.map((item) => scrubbed(item, secrets, depth + 1))
  if (typeof thrown === 'number' || typeof thrown === 'bigint')
    return secrets.includes(String(thrown)) ? MASK : thrown
  if (isPlainValue(thrown))
    return Object.fromEntries(
      Object.entries(thrown).map(([name, inner]) => [
        name,
        isSecretName(name) ? MASK : scrubbed(inner, secrets, depth + 1),
      ]),
    )
  if (!(thrown instanceof Error)) return thrown
  const copy: Error = Object.create(Object.getPrototypeOf(thrown), Object.getOwnPropertyDescriptors(thrown))
  const put = (name: 'message' | 'stack' | 'cause' | 'errors', value: unknown): void =>
    void Object.defineProperty(copy, name, { value, configurable: true, writable: true, enumerable: false })
  put('message', scrub(String(thrown.message), secrets))
  if (typeof thrown.stack === 'string') put('stack', scrub(thrown.stack, secrets))
  if (thrown.cause !== undefined) put('cause', scrubbed(thrown.cause, secrets, depth + 1))
  if (thrown instanceof AggregateError)
    put(
      'errors',
      thrown.errors.map((error: unknown) => scrubbed(error, secrets, depth + 1)),
    )
  return copy
}
