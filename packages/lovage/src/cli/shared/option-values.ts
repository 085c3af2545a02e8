import { InvalidArgumentError } from 'commander'
import { type Kind, SECONDS, SOME_SECONDS, whole } from '../../kernel/index.js'

/** Reads an option's text, by the rule that the same value has in code. */
export const parserOf =
  <T>(kind: Kind<T>) =>
  (text: string): T => {
    const value = kind.parse(text)
    if (value === undefined) throw new InvalidArgumentError(`It must be ${kind.expects}.`)
    return value
  }
/** How many, at least one. */
export const countOf = parserOf(whole(1))
export const secondsOf = parserOf(SECONDS)
export const someSecondsOf = parserOf(SOME_SECONDS)
/** A port to listen on; 0 = any free one. */
export const portOf = parserOf(whole(0, 65_535))

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`It is not valid JSON: ${error instanceof Error ? error.message : error}`)
  }
}

/** A JSON list on a command line. */
export function jsonList(text: string): readonly unknown[] {
  const value = json(text)
  if (!Array.isArray(value)) throw new InvalidArgumentError("Give a JSON list: '[2, 3]'.")
  return value
}

/** A JSON object on a command line. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> {
  const value = json(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError('Give a JSON object: \'{"to": "ada"}\'.')
  }
  // JSON objects are records with unknown fields.
  return value as Readonly<Record<string, unknown>>
}
