import {
  type Clock,
  crashPoint,
  type DriverOptions,
  type Logger,
  MessageError,
  messageOf,
  newId,
} from '../../kernel/index.js'
import { decodeJson, type OutgoingMessage, parseTime } from '../../message/index.js'
import {
  hasReference,
  isDescribed,
  PAYLOAD_FIELD,
  type Payload,
  type PayloadReference,
  type PayloadStore,
  payloadDay,
  payloadKey,
  referenceIn,
  referenceTo,
  withReference,
} from '../../payload/index.js'
import type { ResultRecord, TaskResult } from '../../result/index.js'
import { readOptionsOf } from './read-options.js'
import { unreadableResult } from './unreadable.js'

/** How often old payloads are removed by a process that stores some. */
const PRUNE_MS = 3_600_000
/** The part of a task's id that is in the key of its result. */
const ID_LENGTH = 150

/** Puts what is too large into a store, and brings it back: bodies of messages, and values of results. */
export class PayloadBox {
  readonly #store: PayloadStore
  readonly #settings: DriverOptions['settings']
  readonly #clock: Clock
  readonly #logger: Logger
  /** Messages that are sent again after a failure are stored once. */
  readonly #stored = new WeakMap<OutgoingMessage, OutgoingMessage>()
  #prunedMs = 0

  constructor(store: PayloadStore, { settings, clock, logger }: DriverOptions) {
    this.#store = store
    this.#settings = settings
    this.#clock = clock
    this.#logger = logger
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  /** Whether any of these has a large body. */
  concerns(messages: readonly OutgoingMessage[]): boolean {
    return messages.some(({ body }) => this.#isLarge(body))
  }

  /** Messages as they are published: the bodies of large ones are in the store before this resolves. */
  async offload(messages: readonly OutgoingMessage[]): Promise<readonly OutgoingMessage[]> {
    if (!this.concerns(messages)) return messages
    return Promise.all(
      messages.map((message) => (this.#isLarge(message.body) ? this.#one(message) : message)),
    )
  }

  async #one(message: OutgoingMessage): Promise<OutgoingMessage> {
    // A reference that is sent again, as it is in a dead letter.
    if (hasReference(message)) return message
    const known = this.#stored.get(message)
    if (known) return known
    const { headers, body, contentType, contentEncoding } = message
    const { compression } = headers
    const payload = { key: payloadKey(newId(), this.#lastNeeded(message)), bytes: Buffer.from(body) }
    await this.#put(payload)
    const type = { contentType, contentEncoding, ...(typeof compression === 'string' ? { compression } : {}) }
    const light = withReference(message, referenceTo(payload, this.#store.location, type))
    this.#stored.set(message, light)
    return light
  }

  /** Records as they are stored: large values are in the store before this resolves. */
  async offloadResults(records: readonly ResultRecord[]): Promise<readonly ResultRecord[]> {
    const isLarge = ({ state, resultJson, result }: ResultRecord): boolean =>
      // A task's own value must not pass for a reference.
      state === 'SUCCESS' && (this.#isLarge(resultJson) || referenceIn(result) !== undefined)
    if (!records.some(isLarge)) return records
    return Promise.all(
      records.map(async (record) => {
        if (!isLarge(record)) return record
        const expiresS = Number(this.#settings.resultExpires ?? 0)
        const untilMs = expiresS > 0 ? this.#clock.now() + expiresS * 1000 : undefined
        const key = payloadKey(`${newId()}-${record.id.slice(0, ID_LENGTH)}`, untilMs)
        const payload = { key, bytes: Buffer.from(record.resultJson) }
        await this.#put(payload)
        const type = { contentType: 'application/json', contentEncoding: 'utf-8' }
        const result = { [PAYLOAD_FIELD]: referenceTo(payload, this.#store.location, type) }
        return { ...record, result, resultJson: JSON.stringify(result) }
      }),
    )
  }

  /** A result with its own value again. @throws whatever the store throws when it is away. */
  async resolve(result: TaskResult): Promise<TaskResult> {
    const reference = result.state === 'SUCCESS' ? referenceIn(result.result) : undefined
    if (!reference) return result
    // Only this task's own payload: a key is made from its id.
    const isOwn = reference.key.endsWith(
      payloadKey(`-${result.id.slice(0, ID_LENGTH)}`, undefined).slice('kept/'.length),
    )
    const bytes = isOwn ? await this.fetch(reference) : missing(reference, 'it belongs to another task')
    if (bytes instanceof Error) return unreadableResult(result.id, bytes)
    try {
      return {
        ...result,
        result: decodeJson(bytes.toString('utf8'), readOptionsOf(this.#settings), 'result'),
      }
    } catch (error) {
      return unreadableResult(result.id, error)
    }
  }

  /** The bytes that a reference describes, or why they cannot be had. @throws whatever the store throws when it is away. */
  async fetch(reference: PayloadReference): Promise<Buffer | MessageError> {
    const most = Number(this.#settings.messageMaxBytes)
    if (reference.bytes > most)
      return new MessageError(`A payload has ${reference.bytes} bytes, more than messageMaxBytes (${most})`, {
        code: 'LVG_MESSAGE_TOO_LARGE',
        details: { key: reference.key, bytes: reference.bytes },
      })
    const bytes = await this.#store.get(reference.key, reference.bytes + 1)
    if (!bytes) return missing(reference, `it is not in ${this.#store.location}`)
    return isDescribed(bytes, reference) ? bytes : missing(reference, 'what is there is something else')
  }

  async #put(payload: Payload): Promise<void> {
    await this.#store.put([payload])
    crashPoint('payload:after-put')
    const nowMs = this.#clock.now()
    if (nowMs - this.#prunedMs < PRUNE_MS) return
    this.#prunedMs = nowMs
    this.#store
      .prune(payloadDay(nowMs))
      .catch((error: unknown) =>
        this.#logger.warn({ err: error }, `old payloads could not be removed: ${messageOf(error)}`),
      )
  }

  /** Bytes are counted only where characters leave it open: one takes at most three. */
  #isLarge(body: Buffer | string): boolean {
    const most = Number(this.#settings.largePayloadBytes)
    if (body.length > most) return true
    return typeof body === 'string' && body.length * 3 > most && Buffer.byteLength(body) > most
  }

  #lastNeeded({ dueMs, headers }: OutgoingMessage): number | undefined {
    const keptS = Number(this.#settings.largePayloadExpires)
    if (keptS <= 0) return undefined
    const etaMs = typeof headers.eta === 'string' ? parseTime(headers.eta) : undefined
    return Math.max(this.#clock.now(), dueMs ?? 0, etaMs ?? 0) + keptS * 1000
  }
}

function missing({ key, bytes }: PayloadReference, why: string): MessageError {
  return new MessageError(`The payload ${key} (${bytes} bytes) cannot be had: ${why}.`, {
    code: 'LVG_PAYLOAD_MISSING',
    details: { key, bytes },
    hint: 'It expired (largePayloadExpires), or largePayloadUrl names another store than where it was sent.',
  })
}
