import { ConnectionError, delay, type MessageError, stayAlive, systemClock } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import { type SqsClient, type SqsFailure, tooLarge } from '../client/index.js'
import { isMissing, type SqsQueue, type SqsQueues } from './sqs-queues.js'
import { bytesOf, entryOf, MOST_BYTES, type Sending, sendingOf } from './wire.js'

const MOST_ENTRIES = 10
/** Requests of one call under way at once; those of a FIFO queue go one after the other. */
const AT_ONCE = 16
/** The longest delay of one message in SQS. */
export const LONGEST_DELAY_MS = 900_000
/** Pauses before entries that SQS refused for its own reasons are sent again. */
const PAUSES_MS = [100, 400, 1_600]

/** Sends messages in batches of ten. */
export class SqsPublisher {
  readonly #client: SqsClient
  readonly #queues: SqsQueues

  constructor(client: SqsClient, queues: SqsQueues) {
    this.#client = client
    this.#queues = queues
  }

  /**
   * Publishes; `dueMs` beyond SQS's 15 minutes is cut to them, and the worker that receives the message puts it off again.
   * @throws {MessageError} LVG_MESSAGE_TOO_LARGE before anything is sent.
   */
  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const byQueue = new Map<string, Sending[]>()
    for (const message of messages) {
      const sending = { ...sendingOf(message, this.#client.options.isBase64), ...delayOf(message.dueMs) }
      if (bytesOf(sending) > MOST_BYTES) throw tooLarge(`${bytesOf(sending)} of at most ${MOST_BYTES} bytes`)
      for (const queue of this.#queues.route(message)) {
        const list = byQueue.get(queue)
        if (list) list.push(sending)
        else byQueue.set(queue, [sending])
      }
    }
    await Promise.all([...byQueue].map(([queue, sendings]) => this.send(queue, sendings)))
  }

  /** Sends to one queue, which is made if it is missing. */
  async send(name: string, sendings: readonly Sending[]): Promise<void> {
    if (sendings.length === 0) return
    const queue = await this.#queues.get(name)
    try {
      await this.#sendTo(queue, sendings)
    } catch (error) {
      if (!isMissing(error)) throw error
      this.#queues.forget(name)
      await this.#sendTo(await this.#queues.get(name), sendings)
    }
  }

  async #sendTo(queue: SqsQueue, sendings: readonly Sending[]): Promise<void> {
    const batches = inBatches(sendings)
    const width = queue.isFifo ? 1 : AT_ONCE
    let next = 0
    const lane = async (): Promise<void> => {
      for (let batch = batches[next++]; batch; batch = batches[next++]) await this.#sendBatch(queue, batch)
    }
    await Promise.all(Array.from({ length: Math.min(width, batches.length) }, lane))
  }

  async #sendBatch({ url, name, isFifo }: SqsQueue, batch: readonly Sending[]): Promise<void> {
    // The same deduplication ids in each attempt.
    let entries = batch.map((sending, id) => entryOf(sending, id, isFifo))
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      const failures = await this.#client.send(url, entries)
      if (failures.length === 0) return
      const final = failures.find(({ isOurs }) => isOurs) ?? (pauseMs === undefined ? failures[0] : undefined)
      if (final) throw this.#refusal(final, name)
      const again = new Set(failures.map(({ index }) => String(index)))
      entries = entries.filter(({ Id }) => Id !== undefined && again.has(Id))
      await stayAlive(delay(systemClock, pauseMs ?? 0))
    }
  }

  #refusal({ code, said, isOurs }: SqsFailure, queue: string): ConnectionError | MessageError {
    if (/shorter than|too long/i.test(said)) return tooLarge(said)
    return new ConnectionError(
      `SQS did not accept a message (${this.#client.options.location}, ${queue}): ${said}`,
      {
        code: isOurs ? 'LVG_SQS_REFUSED' : 'LVG_CONNECTION_FAILED',
        details: { queue, code },
      },
    )
  }
}

/** The delay until a due time, in whole seconds, never too short. */
export function delayOf(dueMs: number | undefined): Pick<Sending, 'delayS'> {
  const leftMs = dueMs === undefined ? 0 : dueMs - Date.now()
  return leftMs > 0 ? { delayS: Math.ceil(Math.min(leftMs, LONGEST_DELAY_MS) / 1000) } : {}
}

function inBatches(sendings: readonly Sending[]): readonly (readonly Sending[])[] {
  const batches: Sending[][] = []
  let bytes = 0
  for (const sending of sendings) {
    const size = bytesOf(sending)
    const last = batches.at(-1)
    if (last && last.length < MOST_ENTRIES && bytes + size <= MOST_BYTES) {
      last.push(sending)
      bytes += size
    } else {
      batches.push([sending])
      bytes = size
    }
  }
  return batches
}
