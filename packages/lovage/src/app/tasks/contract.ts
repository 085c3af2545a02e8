import type { InputOf, OutputOf, Schema } from './schema.js'
import type { TaskOptions } from './task-options.js'

/** Carries types that exist only for the compiler. */
declare const TYPES: unique symbol

/** A task's name and types without its implementation: shared by producer and worker. */
export interface Contract<Args, Result> {
  readonly name: string
  readonly options?: TaskOptions
  readonly params?: readonly string[]
  readonly input?: Schema
  readonly output?: Schema
  readonly [TYPES]?: { readonly args: Args; readonly result: Result }
}

/** A contract with named arguments. */
export interface NamedContract<Input extends Schema, Output extends Schema> extends TaskOptions {
  readonly name: string
  readonly input: Input
  /** Type of the result; checked where the task is implemented. */
  readonly output?: Output
  readonly params?: readonly string[]
}

/**
 * Describes a task that is implemented elsewhere, in Python or in another package.
 *
 *     const resize = contract<[path: string, width: number], { url: string }>('images.resize', { queue: 'media' })
 *     const report = contract({ name: 'reports.build', input: z.object({ year: z.number() }), output: z.object({ pages: z.number() }) })
 *
 * @example
 * import { contract } from 'lovage'
 * // In a package that producers and workers share:
 * const send = contract<[to: string, subject: string], number>('mail.send')
 */
export function contract<Args extends readonly unknown[], Result = unknown>(
  name: string,
  options?: TaskOptions & { readonly params?: { readonly [K in keyof Args]: string } },
): Contract<Args, Result>
export function contract<Input extends Schema, Output extends Schema = Schema<unknown>>(
  definition: NamedContract<Input, Output>,
): Contract<InputOf<Input>, OutputOf<Output>>
export function contract(
  given: string | NamedContract<Schema, Schema>,
  options: TaskOptions & { readonly params?: readonly string[] } = {},
): Contract<unknown, unknown> {
  if (typeof given !== 'string') {
    const { name, input, output, params, ...rest } = given
    return { name, input, options: rest, ...(output ? { output } : {}), ...(params ? { params } : {}) }
  }
  const { params, ...rest } = options
  return { name: given, options: rest, ...(params ? { params } : {}) }
}
