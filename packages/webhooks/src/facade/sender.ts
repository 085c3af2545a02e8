import { type Logger, type Schema, together } from 'lovage'
import { crashPoint, newId, type SendOptions, type SentEvent, WebhookError } from '../domain/index.js'
import type { NewEvent, WebhookStore, WrittenEvent } from '../store/index.js'
import { NOTICE_TYPES } from '../store/index.js'
import { TYPE } from './endpoint-input.js'
import type { EventSchemas, WebhookSettings } from './options.js'

/** The parts of a sender. */
export interface SenderParts {
  readonly settings: WebhookSettings
  readonly store: () => Promise<WebhookStore>
  readonly now: () => number
  readonly logger: () => Logger
  /** Publishes tasks for deliveries. */
  readonly publish: (deliveryIds: readonly string[]) => Promise<void>
}

/** Validates events, writes them, and publishes their tasks. */
export class Sender {
  readonly #parts: SenderParts
  readonly #insert: (event: NewEvent) => Promise<WrittenEvent | Error>

  constructor(parts: SenderParts) {
    this.#parts = parts
    this.#insert = together(async (events) => {
      const store = await parts.store()
      const written = await insertAll(store, events)
      crashPoint('webhook:after-insert')
      await parts.publish(written.flatMap((each) => (each instanceof Error ? [] : each.dueIds)))
      crashPoint('webhook:after-publish')
      return written
    })
  }

  /** Validates an event's data against the catalogue, and sends it as `{ type, timestamp, data }`. */
  async send(
    event: { readonly type: string; readonly data: unknown; readonly timestamp?: Date },
    options: SendOptions = {},
  ): Promise<SentEvent> {
    const { type, data, timestamp = new Date(this.#parts.now()) } = event
    const valid = await validated(this.#parts.settings.events, type, data)
    const body = { type, timestamp: timestamp.toISOString(), data: valid }
    return this.sendBytes({ type, body: jsonBytes(body) }, options)
  }

  /** Sends a body unchanged. */
  async sendBytes(
    event: { readonly type: string; readonly body: Uint8Array },
    options: SendOptions & { readonly isTest?: boolean } = {},
  ): Promise<SentEvent> {
    const row = this.#checked(event, options)
    if (options.transaction) {
      // The worker that sees the commit publishes the task (`watchCommitted`), because this process may have exited by then.
      const [written] = await (await this.#parts.store()).events.insert([row], options.transaction)
      return sent(written)
    }
    const written = await this.#insert(row)
    if (written instanceof Error) throw written
    return sent(written)
  }

  #checked(
    { type, body }: { readonly type: string; readonly body: Uint8Array },
    options: SendOptions & { readonly isTest?: boolean },
  ): NewEvent {
    const { maxBodyBytes, warnBodyBytes } = this.#parts.settings
    const { tenant = 'default', id = newId('msg', this.#parts.now()), endpointId } = options
    const { orderingKey = null, dedupKey = null, isTest = false } = options
    if (typeof type !== 'string' || type.length > 128 || !TYPE.test(type))
      throw invalid(
        'type',
        'A type must be words separated by dots, such as order.paid, of at most 128 characters.',
      )
    if (NOTICE_TYPES.some((notice) => notice === type))
      throw invalid('type', `${type} is a notice, which only this package sends.`)
    // No dot: dots separate the id from the time and the body in what is signed.
    if (!/^[\w-]{1,100}$/.test(id))
      throw invalid('id', 'An event’s id is of letters, digits, _ and -, at most 100.')
    for (const [field, value] of Object.entries({ tenant, orderingKey, dedupKey }))
      if (value !== null && (typeof value !== 'string' || value.length === 0 || value.length > 500))
        throw invalid(field, `${field} must be text of at most 500 characters.`)
    if (body.length > maxBodyBytes)
      throw new WebhookError(
        `The body of ${type} has ${body.length} bytes; at most ${maxBodyBytes} are sent.`,
        {
          code: 'LVG_WEBHOOK_TOO_LARGE',
          field: 'data',
          details: { bytes: body.length, maxBodyBytes },
        },
      )
    if (body.length > warnBodyBytes)
      this.#parts
        .logger()
        .warn(
          { type, bytes: body.length },
          'the body of a webhook is large: many receivers refuse such requests',
        )
    return {
      id,
      tenant,
      type,
      orderingKey,
      dedupKey,
      body,
      createdAtMs: this.#parts.now(),
      endpointIds: endpointId === undefined ? null : [endpointId],
      isTest,
    }
  }
}

/** A refused event must not fail the others in its batch. */
async function insertAll(
  store: WebhookStore,
  events: readonly NewEvent[],
): Promise<readonly (WrittenEvent | Error)[]> {
  try {
    return await store.events.insert(events)
  } catch (error) {
    if (!(error instanceof WebhookError) || error.code !== 'LVG_WEBHOOK_CONFLICT') throw error
    if (events.length === 1) return [error]
    const written: (WrittenEvent | Error)[] = []
    for (const event of events) written.push(...(await insertAll(store, [event])))
    return written
  }
}

function sent(written: WrittenEvent | undefined): SentEvent {
  if (!written) throw new WebhookError('The store wrote no event.', { code: 'LVG_WEBHOOK_STORE' })
  const { event, deliveryIds, isDuplicate } = written
  return { event, deliveryIds, isDuplicate }
}

/** Returns an event's data as its schema outputs it. @throws {WebhookError} LVG_WEBHOOK_UNKNOWN_TYPE, LVG_WEBHOOK_INVALID. */
export async function validated(schemas: EventSchemas | null, type: string, data: unknown): Promise<unknown> {
  if (schemas === null) return data
  const schema: Schema | undefined = Object.hasOwn(schemas, type) ? schemas[type] : undefined
  if (!schema)
    throw new WebhookError(`The catalogue has no event ${JSON.stringify(type)}.`, {
      code: 'LVG_WEBHOOK_UNKNOWN_TYPE',
      field: 'type',
      details: { known: Object.keys(schemas) },
    })
  const outcome = await schema['~standard'].validate(data)
  if (!outcome.issues) return outcome.value
  const [issue] = outcome.issues
  const path = [
    'data',
    ...(issue?.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)),
  ].join('.')
  throw new WebhookError(
    `The event ${type} does not match its schema: ${path}: ${issue?.message ?? 'it is invalid'}`,
    {
      code: 'LVG_WEBHOOK_INVALID',
      field: path,
      details: { issues: outcome.issues },
    },
  )
}

/** JSON of plain data; a value without a JSON form is an error instead of being dropped. */
export function jsonBytes(value: unknown): Uint8Array {
  try {
    const text = JSON.stringify(value, (key, each: unknown) => {
      if (
        typeof each === 'function' ||
        typeof each === 'symbol' ||
        (typeof each === 'number' && !Number.isFinite(each))
      )
        throw new TypeError(
          `${key || 'the value'} is ${typeof each === 'number' ? each : `a ${typeof each}`}`,
        )
      return each
    })
    if (text === undefined) throw new TypeError('it is undefined')
    return Buffer.from(text)
  } catch (cause) {
    throw new WebhookError(
      `The data of the event cannot be written as JSON: ${cause instanceof Error ? cause.message : cause}.`,
      {
        code: 'LVG_WEBHOOK_INVALID',
        field: 'data',
        cause,
      },
    )
  }
}

const invalid = (field: string, message: string): WebhookError =>
  new WebhookError(message, { code: 'LVG_WEBHOOK_INVALID', field })
