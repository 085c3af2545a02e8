import type { TaskOptions } from '../app/tasks/index.js'
import type { Delivery, Settlement } from '../broker/index.js'
import type { DeadLetterReason } from '../dead-letter/index.js'
import type { LovageError } from '../kernel/index.js'
import {
  type ExceptionInfo,
  encodeJson,
  type IncomingMessage,
  type OutgoingMessage,
  type TaskHeaders,
  toExceptionInfo,
} from '../message/index.js'
import type { ResultRecord, TaskState } from '../result/index.js'
import { type FollowUp, NO_FOLLOW_UP } from './follow-ups.js'
import { replyOf } from './reply-of.js'
import { letterOf, type SettlePlan } from './settle-plan.js'

/** Delayed returns of an unknown task before it becomes a dead letter. */
const MAX_HAND_BACKS = 5
const HAND_BACKS = 'x-lovage-handbacks'

/** The consequences of a message that is not run; none for a message that cannot be read. */
export type Follow = (exception: ExceptionInfo, state: 'FAILURE' | 'REVOKED') => FollowUp

const NOTHING: Follow = () => NO_FOLLOW_UP

/** The worker, as the plans for refused messages see it. */
export interface RefusalSettings {
  readonly hostname: string
  readonly storesResults: boolean
  readonly now: () => number
  readonly handsBack: boolean
  /** A task's options, where it is known. */
  readonly optionsOf: (task: string) => TaskOptions | undefined
}

/** Creates the plans for messages that are not run: each is stored, and callers waiting for its result are notified. */
export class Refusals {
  readonly #settings: RefusalSettings

  constructor(settings: RefusalSettings) {
    this.#settings = settings
  }

  /** A message that cannot be read, is not accepted, or requires something unavailable. */
  quarantine(delivery: Delivery, error: LovageError, headers?: TaskHeaders, follow = NOTHING): SettlePlan {
    return this.#bury(delivery, headers, REASONS[error.code] ?? 'malformed', toExceptionInfo(error), follow)
  }

  /** An unknown task: a dead letter, or a few delayed returns first for rolling deploys. */
  unknown(delivery: Delivery, message: IncomingMessage, headers: TaskHeaders, follow = NOTHING): SettlePlan {
    const handBacks = Number(message.headers[HAND_BACKS] ?? 0)
    if (this.#settings.handsBack && handBacks < MAX_HAND_BACKS)
      return this.#handBack(delivery, message, handBacks)
    const exception = {
      exc_type: 'NotRegistered',
      exc_message: [headers.task],
      exc_module: 'celery.exceptions',
    }
    return this.#bury(delivery, headers, 'unknown-task', exception, follow)
  }

  /** A task that has expired or was revoked. */
  revoked(
    delivery: Delivery,
    headers: TaskHeaders,
    why: 'expired' | 'revoked' | 'terminated' | 'superseded',
    follow = NOTHING,
  ): SettlePlan {
    const exception: ExceptionInfo = {
      exc_type: 'TaskRevokedError',
      exc_message: [why],
      exc_module: 'celery.exceptions',
    }
    const next = follow(exception, 'REVOKED')
    return {
      publish: next.publish,
      results: [...this.#record(delivery, headers, 'REVOKED', exception), ...next.results],
      followUp: next,
      settlement: { tag: delivery.tag, kind: 'ack' },
      state: 'REVOKED',
    }
  }

  /** A message whose workers died again and again. */
  lost(delivery: Delivery, headers: TaskHeaders, follow = NOTHING): SettlePlan {
    const text = `Worker lost ${delivery.redeliveries} times while it ran ${headers.task}`
    const exception = {
      exc_type: 'WorkerLostError',
      exc_message: [text],
      exc_module: 'billiard.exceptions',
    }
    return this.#bury(delivery, headers, 'worker-lost', exception, follow)
  }

  #bury(
    delivery: Delivery,
    headers: TaskHeaders | undefined,
    reason: DeadLetterReason,
    exception: ExceptionInfo,
    follow: Follow,
  ): SettlePlan {
    const { hostname, now } = this.#settings
    const error = {
      type: exception.exc_type,
      message: [exception.exc_message].flat().map(String).join(', '),
      traceback: null,
    }
    const letter = letterOf(delivery, {
      reason,
      error,
      hostname,
      nowMs: now(),
      taskId: headers?.id ?? null,
      task: headers?.task ?? null,
      retries: headers?.retries ?? 0,
    })
    const settlement: Settlement = { tag: delivery.tag, kind: 'dead-letter', letter }
    const next = follow(exception, 'FAILURE')
    return {
      publish: next.publish,
      results: [...(headers ? this.#record(delivery, headers, 'FAILURE', exception) : []), ...next.results],
      followUp: next,
      settlement,
      state: 'FAILURE',
    }
  }

  #handBack(delivery: Delivery, message: IncomingMessage, handBacks: number): SettlePlan {
    const { redelivered: _, ...rest } = message
    const dueMs = this.#settings.now() + 1000 * 2 ** handBacks
    const copy: OutgoingMessage = {
      ...rest,
      headers: { ...message.headers, [HAND_BACKS]: handBacks + 1 },
      dueMs,
    }
    return { publish: [copy], results: [], settlement: { tag: delivery.tag, kind: 'ack' }, state: null }
  }

  #record(
    { message }: Delivery,
    headers: TaskHeaders,
    state: TaskState,
    result: ExceptionInfo,
  ): readonly ResultRecord[] {
    const { storesResults, optionsOf } = this.#settings
    const own = optionsOf(headers.task)
    const isIgnored = headers.ignore_result ?? own?.ignoreResult === true
    if (!storesResults || (isIgnored && own?.storeErrorsEvenIfIgnored !== true)) return []
    const dateDone = new Date(this.#settings.now()).toISOString()
    const groupId = headers.group === null ? {} : { groupId: headers.group }
    const parentId = headers.parent_id === null ? {} : { parentId: headers.parent_id }
    return [
      {
        id: headers.id,
        state,
        result,
        resultJson: encodeJson(result),
        traceback: null,
        children: [],
        dateDone,
        ...groupId,
        ...parentId,
        ...('properties' in message ? replyOf(message.properties) : {}),
      },
    ]
  }
}

const REASONS: Readonly<Record<string, DeadLetterReason>> = {
  LVG_MESSAGE_UNACCEPTED: 'unaccepted',
  LVG_MESSAGE_UNSUPPORTED: 'unsupported',
  LVG_TASK_ARGUMENTS: 'invalid-arguments',
  LVG_MESSAGE_UNROUTABLE: 'unroutable',
}
