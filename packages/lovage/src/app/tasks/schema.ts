import type { StandardSchemaV1 } from '@standard-schema/spec'
import { TaskError } from '../../kernel/index.js'

/** Anything that validates: zod, valibot, arktype … (https://standardschema.dev). */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>

/** What a caller gives. */
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>
/** What the task receives: defaults filled in, transformations made. */
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>

/** A schema that types arguments and checks nothing at run time. */
export function unchecked<T>(): Schema<T, T> {
  // The value is taken at its word: that is what the name says.
  return { '~standard': { version: 1, vendor: 'lovage', validate: (value) => ({ value: value as T }) } }
}

/**
 * Checks a value.
 * @throws {TaskError} LVG_TASK_ARGUMENTS that names each field that is wrong.
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
