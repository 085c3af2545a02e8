import { createHash } from 'node:crypto'
import type { Broker } from '../../broker/index.js'
import type { DeadLetter } from '../../dead-letter/index.js'
import { crashPoint, delay, stayAlive } from '../../kernel/index.js'
import {
  ENCRYPTED_TYPE,
  type IncomingMessage,
  type OutgoingMessage,
  REDRIVES_HEADER,
  redrivesOf,
  reprArgs,
  reprKwargs,
  type Serializer,
  withAttempt,
} from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import { claimAgain, confirmRelayed, GUARD_HEADER, readGuard } from '../guards/index.js'
import { bodyOf } from '../sending/index.js'
import type { OpenedLetter } from './open-letter.js'

/** Options for sending letters again. */
export interface RedriveOptions {
  /** Maximum number of letters per second. Default: as fast as the broker accepts them. */
  readonly rate?: number
  /** The target queue, instead of the one they came from. */
  readonly queue?: string
  /** Stops the redrive between two batches; unsent messages remain letters. */
  readonly signal?: AbortSignal
}

/** Replacements for the arguments recorded in the letter. */
export interface LetterEdit {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly queue?: string
}

/** Number of letters sent in one batch; a rate makes it smaller. */
const BATCH = 500
/**
 * How long the broker remembers that a letter was sent: a redrive that was killed between sending and removing, and is
 * repeated within this time, sends nothing twice.
 */
const REMEMBERED_MS = 30 * 86_400_000
/** Headers that brokers and workers added to count earlier deliveries. */
const COUNTERS = ['redelivered', 'x-lovage-redeliveries', 'x-lovage-handbacks', 'x-delivery-count', 'x-death']

/**
 * The message of a letter as it is sent again: the same task id, as a first attempt, due now and without expiry, with the
 * error that made it a letter among its attempts.
 */
export function redriveMessage(
  letter: DeadLetter,
  message: IncomingMessage,
  queue: string,
  changed: Partial<Pick<OutgoingMessage, 'body' | 'contentType' | 'contentEncoding' | 'headers'>> = {},
): OutgoingMessage {
  const { body, contentType, contentEncoding, properties } = message
  const { expiration: _, ...lasting } = properties
  const given = changed.headers ?? message.headers
  // It is run whatever was called since; what it has replaced, or been replaced by, is long decided.
  const isLatest = readGuard(given)?.kind === 'latest'
  const headers = Object.fromEntries(
    Object.entries(given).filter(
      ([name]) => !COUNTERS.includes(name) && !(isLatest && name === GUARD_HEADER),
    ),
  )
  return {
    body,
    contentType,
    contentEncoding,
    ...changed,
    properties: lasting,
    exchange: '',
    routingKey: queue,
    headers: {
      ...headers,
      // Protocol 1 has these in its body.
      ...('task' in headers ? { retries: 0, eta: null, expires: null } : {}),
      ...withAttempt(headers, { ...letter.error, atMs: letter.failedMs }),
      [REDRIVES_HEADER]: redrivesOf(headers) + 1,
    },
    // A later letter with the same id, from another failure, is a different letter.
    once: { key: `redrive:${letter.id}:${letter.failedMs}:${digestOf(letter.raw)}`, ttlMs: REMEMBERED_MS },
  }
}

const digestOf = (raw: Buffer | string): string => createHash('sha1').update(raw).digest('hex').slice(0, 16)

/** The message of a letter with other arguments; the task's follow-ups are unchanged. */
export function editedMessage(
  opened: OpenedLetter,
  message: IncomingMessage,
  edit: LetterEdit,
  signer: Serializer | undefined,
) {
  const { letter, call } = opened
  if (!call) return undefined
  const args = edit.args ?? call.args
  const kwargs = edit.kwargs ?? call.kwargs
  const { compression: _, ...headers } = call.headers
  return redriveMessage(letter, message, edit.queue ?? letter.queue, {
    ...bodyOf({ args, kwargs, embed: call.embed }, signer),
    headers: {
      ...headers,
      lang: 'js',
      ...(message.contentType === ENCRYPTED_TYPE
        ? {}
        : { argsrepr: reprArgs(args), kwargsrepr: reprKwargs(kwargs) }),
    },
  })
}

/** A letter and its replacement message. */
export interface Redriven {
  readonly letter: DeadLetter
  readonly message: OutgoingMessage
}

/**
 * Sends letters, then removes them: nothing is lost, whenever the process dies. The broker remembers what
 * was sent (`capabilities.once`), so repeated or concurrent redrives send nothing twice; a broker
 * without that ability may receive a letter twice then. Resolves to how many letters this call removed.
 */
export async function redrive(
  broker: Broker,
  redriven: readonly Redriven[],
  { rate, signal }: RedriveOptions,
  core: Pick<AppCore, 'clock' | 'coordination' | 'logger'>,
): Promise<number> {
  const { clock } = core
  const size = rate === undefined ? BATCH : Math.min(BATCH, Math.max(1, Math.ceil(rate / 10)))
  let removed = 0
  for (let at = 0; at < redriven.length; at += size) {
    signal?.throwIfAborted()
    const beganMs = clock.now()
    const batch = redriven.slice(at, at + size)
    const guarded = batch.flatMap(({ message: { headers } }) => (readGuard(headers) ? [headers] : []))
    if (guarded.length > 0) await keyed(core, () => claimAgain(core, guarded))
    crashPoint('redrive:before-publish')
    await broker.publish(batch.map(({ message }) => message))
    crashPoint('redrive:after-publish')
    if (guarded.length > 0) await keyed(core, () => confirmRelayed(core, guarded))
    removed += (await broker.deadLetters.take(batch.map(({ letter }) => letter.id))).length
    crashPoint('redrive:after-removal')
    if (rate !== undefined) {
      const pauseMs = (batch.length / rate) * 1000 - (clock.now() - beganMs)
      if (pauseMs > 0) await stayAlive(delay(clock, pauseMs, signal))
    }
  }
  return removed
}

/** Keys are of less account than letters: without them, others like these may be sent. */
async function keyed({ logger }: Pick<AppCore, 'logger'>, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    logger.warn({ err: error }, 'cannot hold the keys of redriven tasks; others like them may be sent')
  }
}
