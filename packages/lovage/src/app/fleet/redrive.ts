import { createHash } from 'node:crypto'
import type { Broker } from '../../broker/index.js'
import type { DeadLetter } from '../../dead-letter/index.js'
import { type Clock, crashPoint, delay, stayAlive } from '../../kernel/index.js'
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
import { bodyOf } from '../sending/index.js'
import type { OpenedLetter } from './open-letter.js'

/** How letters are sent again. */
export interface RedriveOptions {
  /** At most so many letters a second. Default: as fast as the broker takes them. */
  readonly rate?: number
  /** Another queue than the one that they came from. */
  readonly queue?: string
  /** Ends the redrive between two batches; what was not sent stays a letter. */
  readonly signal?: AbortSignal
}

/** What a task is to be called with, where that is not what the letter says. */
export interface LetterEdit {
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly queue?: string
}

/** Letters that are sent in one go; a rate makes it fewer. */
const BATCH = 500
/**
 * How long the broker remembers that a letter was sent: a redrive that was killed between sending and removing, and is
 * repeated within this time, sends nothing twice.
 */
const REMEMBERED_MS = 30 * 86_400_000
/** What brokers and workers added to count what happened to the message before. */
const COUNTERS = ['redelivered', 'x-lovage-redeliveries', 'x-lovage-handbacks', 'x-delivery-count', 'x-death']

/**
 * The message of a letter as it is sent again: the same task id, as a first try, due now and without an end, with the
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
  const headers = Object.fromEntries(
    Object.entries(changed.headers ?? message.headers).filter(([name]) => !COUNTERS.includes(name)),
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
    // A letter of the same id that comes later, from another failure, is another one.
    once: { key: `redrive:${letter.id}:${letter.failedMs}:${digestOf(letter.raw)}`, ttlMs: REMEMBERED_MS },
  }
}

const digestOf = (raw: Buffer | string): string => createHash('sha1').update(raw).digest('hex').slice(0, 16)

/** The message of a letter with other arguments; what follows the task stays as it was. */
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

/** A letter and the message that it is to become. */
export interface Redriven {
  readonly letter: DeadLetter
  readonly message: OutgoingMessage
}

/**
 * Sends letters and removes them, in this order: nothing is lost, whenever the process dies. The broker remembers what
 * was sent (`capabilities.once`), so that whoever repeats it, or does it at the same time, sends nothing twice; a broker
 * that remembers nothing may take a letter twice then. Resolves to how many letters were removed by this call.
 */
export async function redrive(
  broker: Broker,
  redriven: readonly Redriven[],
  { rate, signal, clock }: RedriveOptions & { readonly clock: Clock },
): Promise<number> {
  const size = rate === undefined ? BATCH : Math.min(BATCH, Math.max(1, Math.ceil(rate / 10)))
  let removed = 0
  for (let at = 0; at < redriven.length; at += size) {
    signal?.throwIfAborted()
    const beganMs = clock.now()
    const batch = redriven.slice(at, at + size)
    crashPoint('redrive:before-publish')
    await broker.publish(batch.map(({ message }) => message))
    crashPoint('redrive:after-publish')
    removed += (await broker.deadLetters.take(batch.map(({ letter }) => letter.id))).length
    crashPoint('redrive:after-removal')
    if (rate !== undefined) {
      const pauseMs = (batch.length / rate) * 1000 - (clock.now() - beganMs)
      if (pauseMs > 0) await stayAlive(delay(clock, pauseMs, signal))
    }
  }
  return removed
}
