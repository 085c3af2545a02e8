import {
  afterSuccess,
  type Dispatch,
  type Doom,
  dispatch,
  doomedBy,
  type Fired,
  type Followed,
  failedChord,
  fire,
  type MemberPart,
  partsOf,
  publishedErrbacks,
  replacedBy,
  toJoins,
  withReplyTo,
} from '../app/canvas/index.js'
import type { Sending } from '../app/sending/index.js'
import type { TaskContext } from '../app/tasks/index.js'
import type { Queue } from '../broker/index.js'
import type { CanvasCall } from '../canvas/index.js'
import { asSingle, type Canvas, freeze, fromWire, idOf, type PriorityToWire } from '../canvas/index.js'
import { derivedId, messageOf, TaskError } from '../kernel/index.js'
import {
  decodeJson,
  type ExceptionInfo,
  encodeJson,
  JOIN_HEADER,
  laterSteps,
  type OutgoingMessage,
  redrivesOf,
  type WireSignature,
} from '../message/index.js'
import type { CompletedJoin, Join, JoinPart, ResultRecord, ResultTuple } from '../result/index.js'

/** A member that has ended, with the root for its chord's body. */
export interface CountedPart extends JoinPart {
  readonly rootId: string
}

/** An errback that the worker calls itself. */
export interface InlineErrback {
  readonly signature: WireSignature
  readonly failedId: string
  readonly failedTask: string | null
  readonly exception: ExceptionInfo
  readonly traceback: string | null
}

/** The consequences of an ending. */
export interface FollowUp {
  readonly joins: readonly Join[]
  readonly queues: readonly Queue[]
  readonly publish: readonly OutgoingMessage[]
  /** Results of tasks that will never run. */
  readonly results: readonly ResultRecord[]
  readonly parts: readonly CountedPart[]
  readonly inline: readonly InlineErrback[]
  readonly children: readonly ResultTuple[]
  /** Steps that could not be taken: signatures that cannot be read. */
  readonly faults: readonly unknown[]
}

/** Dependencies for creating follow-ups. */
export interface FollowUpPorts {
  readonly send: (call: CanvasCall) => Sending
  readonly priorityToWire: PriorityToWire
  /** Whether the errback of this name is called here, with the error itself. */
  readonly isInline: (task: string) => boolean
  /** Whether the task of this name ignores its results, as far as is known here. */
  readonly ignoresResult: (task: string) => boolean
  readonly now: () => number
  /** Seconds. */
  readonly resultExpires: number | null
  readonly storesResults: boolean
  /** Throws a CapabilityError when the result backend does not count chords. */
  readonly requireJoins: () => void
  /** Whether the broker drops a second message with the same key. */
  readonly once: boolean
}

/** Nothing follows. */
export const NO_FOLLOW_UP: FollowUp = {
  joins: [],
  queues: [],
  publish: [],
  results: [],
  parts: [],
  inline: [],
  children: [],
  faults: [],
}

/** Determines what follows when tasks and joins end, on top of what `canvas` decides. Pure. */
export class FollowUps {
  readonly #ports: FollowUpPorts

  constructor(ports: FollowUpPorts) {
    this.#ports = ports
  }

  /**
   * After a success: callbacks, the next step, the chord's count.
   * @throws {MessageError} when a callback or the next step cannot be read or written: the task has then failed.
   */
  success(task: Followed, value: unknown, resultJson: string): FollowUp {
    const { callbacks, chord } = task.embed
    // Unread steps are left unread.
    if (!callbacks?.length && !chord && !laterSteps(task.embed) && !task.embed.chain?.length)
      return NO_FOLLOW_UP
    const next = afterSuccess(task, value, this.#by(...runSeed(task.headers)))
    return {
      ...this.#sent(next),
      parts: partsOf(task).map((part) => counted(part, 'SUCCESS', resultJson, rootOf(task))),
    }
  }

  /**
   * When other work takes a task's place.
   * @throws {MessageError} when it cannot be read or written: the task has then failed.
   */
  replaced(task: Followed, canvas: Canvas, replyTo: string | null): FollowUp {
    const { replaced_task_nesting: nesting } = task.headers
    const work = replyTo ? withReplyTo(canvas, replyTo) : canvas
    return this.#sent(replacedBy(task, work, this.#by(...runSeed(task.headers), 'replace', nesting)))
  }

  /** A member that a running task adds to its chord. */
  added(context: TaskContext, canvas: Canvas, place: number) {
    const { groupId: joinId, id, rootId, retries, embed } = context
    if (joinId === null || !embed.chord)
      throw new TaskError(`${context.name} is not a member of a chord.`, { code: 'LVG_CANVAS_INVALID' })
    const by = this.#by(id, retries, 'add', place)
    const frozen = freeze(asSingle(canvas), by.newId, { groupId: joinId })
    const sent = dispatch(frozen, [], { ...by, rootId, parentId: id, chord: embed.chord })
    return { followUp: this.#sent(sent), taskId: idOf(frozen) ?? '', joinId }
  }

  /** After a failure or a revoke: errbacks, the steps that will not run, the chord's count. */
  failure(
    task: Followed,
    exception: ExceptionInfo,
    traceback: string | null,
    state: 'FAILURE' | 'REVOKED' = 'FAILURE',
  ): FollowUp {
    const { errbacks, chain, chord } = task.embed
    if (!errbacks?.length && !chain?.length && !chord) return NO_FOLLOW_UP
    const { id, task: name, retries } = task.headers
    const doom = doomedBy(task)
    const resultJson = encodeJson(exception)
    const rootId = rootOf(task)
    const called =
      state === 'REVOKED'
        ? NO_FOLLOW_UP
        : this.#errbacks(errbacks ?? [], { id, name, rootId, exception, traceback }, [id, retries, 'errback'])
    return {
      ...called,
      results: this.#doomed(doom, state, exception, traceback),
      parts: [...partsOf(task), ...doom.parts].map((part) => counted(part, state, resultJson, rootId)),
      faults: [...called.faults, ...doom.faults],
    }
  }

  /** When no more members are awaited: a join's body, or its failure. */
  completed(join: CompletedJoin, rootId = join.id, parentId = join.id): FollowUp {
    let body: WireSignature | undefined
    try {
      // Written by us as a signature's JSON, or by Python; `fromWire` validates it.
      body = decodeJson(join.body) as WireSignature
      if (join.expired)
        return this.#failedBody(
          body,
          `GroupResult ${join.id}: its members did not end in time`,
          join.id,
          rootId,
        )
      const by = this.#by(join.id)
      const fired = fire(join, body, { ...by, rootId, parentId })
      if (fired.kind === 'error') return this.#chordError(fired, join.id, rootId)
      return this.#named(following(this.#sent(fired.dispatch), join.id), `join.${join.id}`)
    } catch (error) {
      // Callers waiting for the body are notified.
      const failed = body
        ? this.#failedBody(body, `Callback error: ${messageOf(error)}`, join.id, rootId)
        : NO_FOLLOW_UP
      return { ...failed, faults: [...failed.faults, error] }
    }
  }

  #failedBody(body: WireSignature, sentence: string, joinId: string, rootId: string): FollowUp {
    try {
      return this.#chordError(failedChord(fromWire(body), sentence), joinId, rootId)
    } catch (error) {
      return { ...NO_FOLLOW_UP, faults: [error] }
    }
  }

  #chordError({ exception, errbacks, id, doom }: Fired & { kind: 'error' }, joinId: string, rootId: string) {
    const called = this.#errbacks(errbacks, { id, name: null, rootId, exception, traceback: null }, [
      joinId,
      'errback',
    ])
    return this.#named(
      {
        ...called,
        results: this.#doomed(doom, 'FAILURE', exception, null),
        parts: doom.parts.map((part) => counted(part, 'FAILURE', encodeJson(exception), rootId)),
        faults: [...called.faults, ...doom.faults],
      },
      `join.${joinId}.error`,
    )
  }

  #errbacks(
    errbacks: readonly WireSignature[],
    failed: {
      readonly id: string
      readonly name: string | null
      readonly rootId: string
      readonly exception: ExceptionInfo
      readonly traceback: string | null
    },
    seed: readonly (string | number)[],
  ): FollowUp {
    const { id, name, exception, traceback } = failed
    const isInline = ({ task }: WireSignature): boolean => this.#ports.isInline(task)
    const inline = errbacks
      .filter(isInline)
      .map((signature) => ({ signature, failedId: id, failedTask: name, exception, traceback }))
    const remote = errbacks.filter((one) => !isInline(one))
    try {
      return { ...this.#sent(publishedErrbacks(remote, failed, this.#by(...seed))), inline }
    } catch (error) {
      return { ...NO_FOLLOW_UP, inline, faults: [error] }
    }
  }

  #doomed(
    { tasks }: Doom,
    state: 'FAILURE' | 'REVOKED',
    result: ExceptionInfo,
    traceback: string | null,
  ): readonly ResultRecord[] {
    if (!this.#ports.storesResults || tasks.length === 0) return []
    const dateDone = new Date(this.#ports.now()).toISOString()
    const resultJson = encodeJson(result)
    const heard = tasks.filter(({ name, ignoreResult }) => !(ignoreResult ?? this.#ports.ignoresResult(name)))
    return heard.map(({ id, replyTo }) => ({
      id,
      ...(replyTo === undefined ? {} : { replyTo }),
      state,
      result,
      resultJson,
      traceback,
      children: [],
      dateDone,
    }))
  }

  #sent({ joins, calls, children }: Dispatch): FollowUp {
    // Members whose body can never be sent are not sent either: the task fails with the reason.
    if (joins.length > 0) this.#ports.requireJoins()
    const sendings = calls.map((call) => this.#ports.send(call))
    return {
      ...NO_FOLLOW_UP,
      joins: toJoins(joins, this.#ports, this.#ports.now()),
      queues: sendings.flatMap(({ queue }) => (queue ? [queue] : [])),
      publish: sendings.map(({ message }) => message),
      children,
    }
  }

  /** Gives keys to messages that two workers may both send, so that a capable broker accepts each once. */
  #named(followUp: FollowUp, key: string): FollowUp {
    if (!this.#ports.once) return followUp
    const ttlMs = (this.#ports.resultExpires || DAY_S) * 1000
    const publish = followUp.publish.map((message, place) => ({
      ...message,
      once: { key: `${key}.${place}`, ttlMs },
    }))
    return { ...followUp, publish }
  }

  /** Ids that a second run of the same attempt generates again. */
  #by(...seed: readonly (string | number)[]) {
    let made = 0
    return { newId: () => derivedId(...seed, made++), priorityToWire: this.#ports.priorityToWire }
  }
}

/** Marks bodies with the join they follow. */
const following = (followUp: FollowUp, joinId: string): FollowUp => ({
  ...followUp,
  publish: followUp.publish.map((message) => ({
    ...message,
    headers: { ...message.headers, [JOIN_HEADER]: joinId },
  })),
})

const DAY_S = 86_400

const rootOf = ({ headers }: Followed): string => headers.root_id ?? headers.id

const counted = (
  { joinId, taskId, index, body }: MemberPart,
  state: JoinPart['state'],
  resultJson: string,
  rootId: string,
): CountedPart => ({ joinId, taskId, index, state, resultJson, body: encodeJson(body), rootId })

/** Names a run of a task: a repetition of it generates the same ids, a redrive of its letter does not. */
function runSeed(headers: Followed['headers']): (string | number)[] {
  const redrives = redrivesOf({ ...headers })
  return [headers.id, headers.retries, ...(redrives === 0 ? [] : [`again${redrives}`])]
}
