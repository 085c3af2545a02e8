import { nameOf } from '../app/routing/index.js'
import { bodyOf, expiresAt } from '../app/sending/index.js'
import { type Outcome, shownArguments, type TaskContext } from '../app/tasks/index.js'
import {
  formatTime,
  type IncomingMessage,
  type OutgoingMessage,
  reprArgs,
  reprKwargs,
  SENT_HEADER,
  type Serializer,
  type TaskMessage,
  withAttempt,
} from '../message/index.js'

/** The inputs of `retryMessage`. */
export interface RetriedRun {
  readonly message: IncomingMessage
  readonly call: TaskMessage
  readonly context: TaskContext
  readonly nowMs: number
}

/**
 * The message of a task's next run: same id, same body unless the task gave other arguments, one more retry
 * (docs/internals/wire.md#retries). It goes to the queue that the first one came from.
 */
export function retryMessage(
  run: RetriedRun,
  outcome: Extract<Outcome, { kind: 'retry' }>,
  settings: {
    readonly delayAtPublish: boolean
    readonly signerOf?: (contentType: string) => Serializer | undefined
  },
): OutgoingMessage {
  const { message, call } = run
  const { request, dueMs } = outcome
  const { redelivered: _, ...again } = message
  const args = request.args ?? call.args
  const kwargs = request.kwargs ?? call.kwargs
  const hasNewArguments = request.args !== undefined || request.kwargs !== undefined
  const expiresMs = expiresAt(request.expires, run.nowMs)
  const expires = expiresMs === undefined ? call.headers.expires : formatTime(expiresMs)
  const [hard, soft] = call.headers.timelimit ?? [null, null]
  const { compression, ...headers } = call.headers
  const destination =
    request.queue === undefined
      ? {
          exchange: request.exchange ?? message.exchange,
          routingKey: request.routingKey ?? message.routingKey,
        }
      : { exchange: '', routingKey: nameOf(request.queue) }
  return {
    ...again,
    ...destination,
    ...(hasNewArguments
      ? bodyOf({ args, kwargs, embed: call.embed }, settings.signerOf?.(message.contentType))
      : {}),
    headers: {
      ...headers,
      ...(compression === undefined || hasNewArguments ? {} : { compression }),
      ...attemptHeaders(run, outcome),
      ...(request.headers ?? {}),
      lang: 'js',
      [SENT_HEADER]: run.nowMs,
      retries: run.context.retries + 1,
      eta: formatTime(dueMs),
      expires,
      timelimit: [request.timeLimit ?? hard, request.softTimeLimit ?? soft],
      ...(hasNewArguments ? reprsOf(run.context, { args, kwargs }) : {}),
    },
    properties: {
      ...message.properties,
      ...(request.priority === undefined ? {} : { priority: request.priority }),
      ...(expiresMs === undefined
        ? {}
        : { expiration: String(Math.max(0, Math.trunc(expiresMs - run.nowMs))) }),
    },
    ...(settings.delayAtPublish ? { dueMs } : {}),
  }
}

/** Records the reason for the retry, for inspection if the task fails for good. */
function attemptHeaders(
  { call, nowMs: atMs }: RetriedRun,
  { exception, traceback }: Extract<Outcome, { kind: 'retry' }>,
): Readonly<Record<string, unknown>> {
  if (exception === null) return {}
  const message = [exception.exc_message].flat().map(String).join(', ')
  return withAttempt(call.headers, { type: exception.exc_type, message, traceback, atMs })
}

function reprsOf(
  { redact, task: { definition } }: TaskContext,
  given: { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> },
): Readonly<Record<string, unknown>> {
  const { argsRepr = reprArgs(given.args), kwargsRepr = reprKwargs(given.kwargs) } =
    shownArguments({ redact, params: definition?.params }, given) ?? {}
  return { argsrepr: argsRepr, kwargsrepr: kwargsRepr }
}
