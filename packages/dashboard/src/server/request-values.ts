import type { Context } from 'hono'

/** An invalid value in a URL. */
export class BadRequest extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'BadRequest'
  }
}

/** A whole number in the query; undefined when absent. @throws {BadRequest} */
export function intOf(
  c: Context,
  name: string,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = c.req.query(name)
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new BadRequest(
    `${name} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text.slice(0, 64))}.`,
  )
}

/** One of a set of words; undefined when absent. @throws {BadRequest} */
export function wordOf<const Word extends string>(
  c: Context,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = c.req.query(name)
  if (text === undefined || text === '') return undefined
  const word = words.find((one) => one === text)
  if (word !== undefined) return word
  throw new BadRequest(
    `${name} must be one of ${words.join(', ')}, not ${JSON.stringify(text.slice(0, 64))}.`,
  )
}

/** A text in the query; undefined when absent or empty. @throws {BadRequest} when it is too long. */
export function textOf(c: Context, name: string, most = 2048): string | undefined {
  const text = c.req.query(name)
  if (text === undefined || text === '') return undefined
  if (text.length > most) throw new BadRequest(`${name} has more than ${most} characters.`)
  return text
}

/** Whether JSON is requested: by `?format=json`, or by an Accept header with JSON and not HTML. */
export function wantsJson(c: Context): boolean {
  if (c.req.query('format') === 'json') return true
  const accept = c.req.header('accept') ?? ''
  return accept.includes('application/json') && !accept.includes('text/html')
}
