import type { Context } from 'hono'
import type { Fleet } from '../fleets/fleet.js'
import { isWrongRequest } from '../values/is-wrong-request.js'
import { fromJson, toJson } from '../values/lossless-json.js'

/** Flower's error response: a status and a text. */
export class FlowerError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 500 | 503

  constructor(status: FlowerError['status'], message = '') {
    super(message)
    this.status = status
  }
}

export const READ_ONLY = 'Read only mode is enabled'
const UNAVAILABLE = 'Broker or result backend unavailable'

/** A response in Flower's JSON. */
export const answer = (c: Context, value: unknown, status: 200 | 400 = 200): Response =>
  c.body(toJson(value), status, { 'content-type': 'application/json; charset=UTF-8' })

/** Runs work that needs a server. @throws {FlowerError} 503 when it is unreachable, 400 when the request is wrong. */
export async function reached<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FlowerError) throw error
    if (isWrongRequest(error)) throw new FlowerError(400, error.message)
    throw new FlowerError(503, UNAVAILABLE)
  }
}

/** An argument from the query or from the form, as Tornado reads both; undefined when it is absent. */
export async function argument(c: Context, name: string): Promise<string | undefined> {
  const isForm = (c.req.header('content-type') ?? '').includes('application/x-www-form-urlencoded')
  const form = isForm ? await c.req.parseBody() : {}
  const value = form[name] ?? c.req.query(name)
  return typeof value === 'string' ? value.trim() : undefined
}

/** An argument that is an integer. @throws {FlowerError} 400 in Flower's words. */
export async function intArgument(c: Context, name: string, fallback?: number): Promise<number> {
  const text = await argument(c, name)
  if (text === undefined && fallback !== undefined) return fallback
  if (text !== undefined && /^[+-]?\d+$/.test(text)) return Number(text)
  throw new FlowerError(400, `Invalid argument '${text ?? '[]'}' of type 'int'`)
}

/** An argument that is a number; undefined when it is absent. @throws {FlowerError} 400. */
export async function floatArgument(c: Context, name: string): Promise<number | undefined> {
  const text = await argument(c, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (text !== '' && Number.isFinite(value)) return value
  throw new FlowerError(400, `Invalid argument '${text}' of type 'float'`)
}

/** An argument that is one of Python's words for true and false. @throws {FlowerError} 400. */
export async function boolArgument(c: Context, name: string): Promise<boolean> {
  const text = await argument(c, name)
  if (text === undefined || text === '') return false
  const value = boolOf(text)
  if (value === undefined) throw new FlowerError(400, `Invalid argument '${text}' of type 'bool'`)
  return value
}

/** Python's `strtobool`. */
export function boolOf(text: string): boolean | undefined {
  if (/^(?:y|yes|t|true|on|1)$/i.test(text)) return true
  return /^(?:n|no|f|false|off|0)$/i.test(text) ? false : undefined
}

/** The body of a call: `args`, `kwargs`, and the rest, which are its options. @throws {FlowerError} 400. */
export async function callBody(c: Context): Promise<{
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
}> {
  const text = await c.req.text()
  let body: unknown
  try {
    body = text === '' ? {} : fromJson(text)
  } catch (error) {
    throw new FlowerError(400, error instanceof Error ? error.message : String(error))
  }
  if (!isRecord(body)) throw new FlowerError(400, 'invalid options')
  const { args = [], kwargs = {}, ...options } = body
  if (!Array.isArray(args)) throw new FlowerError(400, 'args must be an array')
  if (!isRecord(kwargs)) throw new FlowerError(400, 'kwargs must be an object')
  return { args, kwargs, options }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a worker is known in Flower's sense: it has answered, or sent events. */
export const isWorker = (fleet: Fleet, name: string): boolean =>
  fleet.asked.known.has(name) || fleet.workers().some(({ hostname }) => hostname === name)

/** Whether a task is registered in this app, or reported by a worker. */
export const knowsTask = (fleet: Fleet, name: string): boolean =>
  fleet.app.tasks.has(name) ||
  [...fleet.asked.known.values()].some(
    ({ registered }) =>
      Array.isArray(registered) &&
      registered.some((one) => one === name || String(one).startsWith(`${name} [`)),
  )
