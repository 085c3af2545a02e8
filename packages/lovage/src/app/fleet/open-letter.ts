import type { Broker } from '../../broker/index.js'
import type { DeadLetter } from '../../dead-letter/index.js'
import {
  attemptsOf,
  decodeTask,
  ENCRYPTED_TYPE,
  type FailedAttempt,
  redrivesOf,
  type TaskMessage,
} from '../../message/index.js'
import { acceptOf } from '../sending/index.js'
import type { Settings } from '../settings/index.js'
import { messageIn } from './message-in.js'

/** A dead letter with the readable parts of its message. */
export interface OpenedLetter {
  readonly letter: DeadLetter
  /** Its task, arguments and headers; absent when the message cannot be read. */
  readonly call?: TaskMessage
  /** It is stored encrypted: its decrypted content is confidential. */
  readonly isEncrypted?: boolean
  /** Why it cannot be read. */
  readonly unreadable?: string
  /** Every known failed attempt, oldest first; the last one made the letter. */
  readonly attempts: readonly FailedAttempt[]
  /** How many times it was redriven before. */
  readonly redrives: number
}

/** Reads a letter's message as a worker of this app would. */
export function openLetter(letter: DeadLetter, broker: Broker, conf: Settings): OpenedLetter {
  const last = { ...letter.error, atMs: letter.failedMs }
  const message = messageIn(letter, broker)
  if (message instanceof Error) return { letter, unreadable: message.message, attempts: [last], redrives: 0 }
  const known = {
    letter,
    attempts: [...attemptsOf(message.headers), last],
    redrives: redrivesOf(message.headers),
    ...(message.contentType === ENCRYPTED_TYPE ? { isEncrypted: true } : {}),
  }
  const call = decodeTask(message, {
    accept: acceptOf(conf),
    maxBytes: conf.messageMaxBytes,
    maxInflatedBytes: conf.messageMaxDecompressedBytes,
    integers: conf.integers,
  })
  return call instanceof Error ? { ...known, unreadable: call.message } : { ...known, call }
}
