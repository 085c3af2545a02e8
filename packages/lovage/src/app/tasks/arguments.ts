import { counted, TaskError } from '../../kernel/index.js'

/** The parameters of a task, as far as they are known. */
export interface Signature {
  readonly task: string
  /** Names of the positional parameters, in order. */
  readonly params: readonly string[] | undefined
}

type Named = Readonly<Record<string, unknown>>

/**
 * Returns the positional arguments of a positional task, with keyword arguments put in their places.
 * @throws {TaskError} LVG_TASK_ARGUMENTS, worded like Python's own errors.
 */
export function bindPositional(
  signature: Signature,
  args: readonly unknown[],
  kwargs: Named,
): readonly unknown[] {
  const { task } = signature
  const { params, hasRest, hasMore } = parametersOf(signature.params)
  if (params && !hasRest && args.length > params.length) throw tooMany({ task, params }, args.length)
  const names = Object.keys(kwargs)
  if (names.length === 0) return args
  if (!params) {
    throw misfit(
      `${task} takes positional arguments, but was called with ${names.join(', ')} by name.`,
      'Add `params` with the parameters’ names to the task.',
    )
  }
  const bound: unknown[] = [...args]
  for (const name of names) {
    const place = params.indexOf(name)
    if (place < 0 && hasMore) continue
    if (place < 0)
      throw misfit(`${task} got an unexpected keyword argument ${name}; it knows ${params.join(', ')}.`)
    if (place < args.length) throw misfit(`${task} got multiple values for argument ${name}.`)
    while (bound.length < place) bound.push(undefined)
    bound[place] = kwargs[name]
  }
  return bound
}

/** The named parameters apart from `*rest`, which takes all other positional arguments, and `**more`, which leaves others to `ctx.kwargs`. */
function parametersOf(names: readonly string[] | undefined) {
  const params = names?.filter((name) => !name.startsWith('*'))
  const hasMore = names?.some((name) => name.startsWith('**')) ?? false
  const hasRest = names?.some((name) => name.startsWith('*') && !name.startsWith('**')) ?? false
  return { params, hasRest, hasMore }
}

/**
 * Returns the input of a task with named arguments: positional ones fill `params` in order; without `params` a single
 * plain object is the whole input, with keyword arguments merged over it.
 * @throws {TaskError} LVG_TASK_ARGUMENTS.
 */
export function bindNamed(signature: Signature, args: readonly unknown[], kwargs: Named): Named {
  if (args.length === 0) return kwargs
  const { params, task } = signature
  if (!params) {
    const [only] = args
    if (args.length === 1 && isPlainObject(only)) return { ...only, ...kwargs }
    throw misfit(
      `${task} takes named arguments, but was called with ${args.length} positional.`,
      'Call it by name, or add `params` to the task.',
    )
  }
  if (args.length > params.length) throw tooMany(signature, args.length)
  const input: Record<string, unknown> = { ...kwargs }
  for (const [place, value] of args.entries()) {
    const name = params[place]
    if (name === undefined) break
    if (Object.hasOwn(kwargs, name)) throw misfit(`${task} got multiple values for argument ${name}.`)
    input[name] = value
  }
  return input
}

/** Whether a value is a plain object, as opposed to an instance of a class. */
export function isPlainObject(value: unknown): value is Named {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function tooMany({ task, params = [] }: Signature, given: number): TaskError {
  return misfit(
    `${task} takes ${counted(params.length, 'argument')} (${params.join(', ')}), but ${counted(given, 'was', 'were')} given.`,
  )
}

function misfit(message: string, hint?: string): TaskError {
  return new TaskError(message, { code: 'LVG_TASK_ARGUMENTS', ...(hint === undefined ? {} : { hint }) })
}
