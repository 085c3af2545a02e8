import { InvalidArgumentError } from 'commander'

/** A number on a command line. */
export function numberOf(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('Give a number.')
  return value
}

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
