import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TaskError } from '../../kernel/index.js'

/** Any validator: zod, valibot, arktype … (https://standardschema.dev). */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

/** The caller's side of a schema. */
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>
/** The task's side of a schema: defaults filled in, transformations applied. */
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>

/**
 * Returns a schema that types arguments and checks nothing at run time.
 *
 * @example
 * import { unchecked } from 'lovage'
 * const task = app.task({
 *   name: 'order.pay',
 *   input: unchecked<{ orderId: string }>(),
 *   run: (_ctx, { orderId }) => orderId,
 * })
 */
export function unchecked<T>(): Schema<T, T> {
  // The value is trusted as is; hence the name.
  return { '~standard': { version: 1, vendor: 'lovage', validate: (value) => ({ value: value as T }) } }
}

/**
 * Checks a value.
 * @throws {TaskError} LVG_TASK_ARGUMENTS that names each invalid field.
 */
export function validate<Output>(
  schema: Schema<unknown, Output>,
  value: unknown,
  subject: string,
): Output | Promise<Output> {
  const outcome = schema['~standard'].validate(value)
  return outcome instanceof Promise
    ? outcome.then((late) => outputOf(late, subject))
    : outputOf(outcome, subject)
}

function outputOf<Output>(outcome: StandardSchemaV1.Result<Output>, subject: string): Output {
  if (!outcome.issues) return outcome.value
  const issues = outcome.issues.map(({ message, path }) => {
    const where = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return where ? `${where}: ${message}` : message
  })
  throw new TaskError(`${subject}: ${issues.join('; ')}`, { code: 'LVG_TASK_ARGUMENTS', details: { issues } })
}
