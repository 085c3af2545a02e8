import {
  asSingle,
  type Canvas,
  configured,
  freeze,
  fromWire,
  OWN_OPTIONS,
  shapeOf,
  signaturesIn,
  textOption,
  withLinks,
  withoutOptions,
} from '../../canvas/index.js'
import {
  type ExceptionInfo,
  isTruthy,
  type LaterSteps,
  laterSteps,
  reprValue,
  type TaskHeaders,
  type WireSignature,
} from '../../message/index.js'
import type { CompletedJoin, ResultTuple } from '../../result/index.js'
import { type Dispatch, dispatch, dispatchAll, partOf, type Surroundings } from './dispatch.js'

const NOTHING: Dispatch = { joins: [], calls: [], children: [] }

/** The parts of a task's message that describe its follow-ups. */
export interface Followed {
  readonly headers: TaskHeaders
  readonly embed: {
    readonly callbacks: readonly WireSignature[] | null
    readonly errbacks: readonly WireSignature[] | null
    readonly chain: readonly WireSignature[] | null
    readonly chord: WireSignature | null
  }
}

/** A member's outcome, as its chord counts it. */
export interface MemberPart {
  readonly joinId: string
  readonly taskId: string
  readonly index: number | null
  readonly body: WireSignature
}

/** A task that will never run. */
export interface DoomedTask {
  readonly id: string
  readonly name: string
  readonly replyTo?: string
  /** The step's own option, where it has one. */
  readonly ignoreResult?: boolean
}

/** The consequences of a failure. */
export interface Doom {
  /** Tasks that will never run: each gets the failure as its result, and its caller is notified. */
  readonly tasks: readonly DoomedTask[]
  /** Chords that wait for one of them. */
  readonly parts: readonly MemberPart[]
  /** Steps that cannot be read. */
  readonly faults: readonly unknown[]
}

const around = ({ headers }: Followed, by: Pick<Surroundings, 'newId' | 'priorityToWire'>): Surroundings => ({
  ...by,
  rootId: headers.root_id ?? headers.id,
  parentId: headers.id,
})

/** Returns the callbacks and the next step after a success. */
export function afterSuccess(
  task: Followed,
  value: unknown,
  by: Pick<Surroundings, 'newId' | 'priorityToWire'>,
): Dispatch {
  const { callbacks } = task.embed
  const later = laterSteps(task.embed)
  const next = later ? later.next : task.embed.chain?.at(-1)
  if (!callbacks?.length && !next) return NOTHING
  const here = around(task, by)
  const linked = callbacks?.length
    ? dispatchAll(callbackCanvases(callbacks, by.newId), [value], here)
    : NOTHING
  if (!next) return linked
  const step = freeze(fromWire(next), by.newId)
  return joined(linked, dispatch(step, [value], { ...here, ...remaining(task, step, later) }))
}

/** The steps behind the next one. They are read only where that one changes them. */
function remaining(
  { embed }: Followed,
  step: Canvas,
  later: LaterSteps | undefined,
): Pick<Surroundings, 'chain' | 'later'> {
  if (later && step.kind === 'task' && step.options.chain === undefined) return { later: later.withoutNext() }
  return { chain: embed.chain?.slice(0, -1) ?? [] }
}

const joined = (left: Dispatch, right: Dispatch): Dispatch => ({
  joins: [...left.joins, ...right.joins],
  calls: [...left.calls, ...right.calls],
  children: [...left.children, ...right.children],
})

/** One callback is called directly; several are called as a group (docs/internals/wire.md#callbacks-and-errbacks). */
function callbackCanvases(callbacks: readonly WireSignature[], newId: () => string): readonly Canvas[] {
  const canvases = callbacks.map((one) => fromWire(one))
  if (canvases.length === 1) return canvases.map((one) => freeze(one, newId))
  const groupId = newId()
  return canvases.map((one, groupIndex) => freeze(one, newId, { groupId, groupIndex }))
}

/** Puts other work in a task's place: it takes over the task's id, links, follow-ups and place in a chord. */
export function replacedBy(
  task: Followed,
  canvas: Canvas,
  by: Pick<Surroundings, 'newId' | 'priorityToWire'>,
): Dispatch {
  const { headers, embed } = task
  const { id, group, group_index: index, stamped_headers: names, stamps } = headers
  let work = configured(asSingle(canvas), {
    task_id: id,
    replaced_task_nesting: headers.replaced_task_nesting + 1,
    ...(names?.length ? { stamped_headers: names, ...stamps } : {}),
  })
  if (embed.callbacks?.length) work = withLinks(work, 'link', embed.callbacks)
  if (embed.errbacks?.length) work = withLinks(work, 'link_error', embed.errbacks)
  const place = group === null ? {} : { groupId: group, ...(index === null ? {} : { groupIndex: index }) }
  return dispatch(freeze(work, by.newId, place), [], {
    ...around(task, by),
    ...(embed.chain ? { chain: embed.chain } : {}),
    ...(embed.chord ? { chord: embed.chord } : {}),
  })
}

/** Errbacks that are called by message, in Celery's old style: with the id of the failed task. */
export function publishedErrbacks(
  errbacks: readonly WireSignature[],
  failed: { readonly id: string; readonly rootId: string },
  by: Pick<Surroundings, 'newId' | 'priorityToWire'>,
): Dispatch {
  if (errbacks.length === 0) return NOTHING
  const groupId = by.newId()
  const canvases = errbacks.map((one, groupIndex) =>
    freeze(withoutOptions(fromWire(one), ['group_id', 'group_index', 'chord']), by.newId, {
      groupId,
      groupIndex,
    }),
  )
  return dispatchAll(canvases, [failed.id], { ...by, rootId: failed.rootId, parentId: failed.id })
}

/** The chord membership that a task counts towards when it ends. */
export function partsOf({ headers, embed }: Followed): readonly MemberPart[] {
  if (!embed.chord || headers.group === null) return []
  return [{ joinId: headers.group, taskId: headers.id, index: headers.group_index, body: embed.chord }]
}

/** Everything that will not run because a task failed: its remaining steps, and the chords that wait for them. */
export function doomedBy({ embed }: Followed): Doom {
  const faults: unknown[] = []
  const steps = (embed.chain ?? []).flatMap((step) => {
    try {
      return [fromWire(step)]
    } catch (error) {
      faults.push(error)
      return []
    }
  })
  const doom = doomOf(steps)
  return { ...doom, faults: [...faults, ...doom.faults] }
}

function doomOf(canvases: readonly Canvas[]): Doom {
  const tasks: Doom['tasks'][number][] = []
  const parts: MemberPart[] = []
  const visit = (canvas: Canvas): void => {
    switch (canvas.kind) {
      case 'task': {
        const id = textOption(canvas.options, 'task_id')
        if (id !== undefined) {
          const replyTo = textOption(canvas.options, 'reply_to')
          const { ignore_result: ignore } = canvas.options
          tasks.push({
            id,
            name: canvas.task,
            ...(replyTo === undefined ? {} : { replyTo }),
            ...(ignore === undefined || ignore === null ? {} : { ignoreResult: isTruthy(ignore) }),
          })
          const part = partOf(canvas)
          if (part) parts.push({ joinId: part.groupId, taskId: id, index: part.index, body: part.body })
        }
        break
      }
      case 'chain':
        for (const step of canvas.steps) visit(step)
        break
      case 'group':
        for (const member of canvas.members) visit(member)
        break
      case 'chord':
        for (const member of canvas.header) visit(member)
        visit(canvas.body)
    }
    for (const step of signaturesIn(canvas.options, 'chain')) visit(fromWire(step))
  }
  const faults: unknown[] = []
  for (const canvas of canvases) {
    try {
      visit(canvas)
    } catch (error) {
      faults.push(error)
    }
  }
  return { tasks, parts, faults }
}

/** How a chord continues. */
export type Fired =
  | { readonly kind: 'body'; readonly dispatch: Dispatch }
  | {
      readonly kind: 'error'
      readonly exception: ExceptionInfo
      /** The body's id. */
      readonly errbacks: readonly WireSignature[]
      /** The id passed to errbacks. */
      readonly id: string
      readonly doom: Doom
    }

/** Returns the body of a chord whose members have all ended, or its failure. */
export function fire(
  join: CompletedJoin,
  body: WireSignature,
  here: { readonly rootId: string; readonly parentId: string } & Pick<
    Surroundings,
    'newId' | 'priorityToWire'
  >,
): Fired {
  const canvas = fromWire(body)
  const policy = policyOf(canvas)
  const bad = join.parts.find(({ state }) => state !== 'SUCCESS')
  if (bad && policy === undefined) return failedChord(canvas, dependency(bad.taskId, bad.result))
  const results = valuesOf(join, policy)
  const { rootId: _, ...rest } = here
  const ready = freeze(withoutOptions(canvas, [OWN_OPTIONS.memberFailure]), here.newId)
  const rootId = textOption(firstOptions(ready), 'root_id') ?? here.rootId
  return { kind: 'body', dispatch: dispatch(ready, [results], { ...rest, rootId }) }
}

/** The failure of a chord's body. */
export function failedChord(body: Canvas, sentence: string): Fired & { readonly kind: 'error' } {
  const doom = doomOf([body])
  return {
    kind: 'error',
    exception: { exc_type: 'ChordError', exc_message: [sentence], exc_module: 'celery.exceptions' },
    errbacks: errbacksOf(body),
    id: textOption(body.options, 'task_id') ?? doom.tasks[0]?.id ?? '',
    doom,
  }
}

/** Celery's error text about the member that failed. */
function dependency(id: string, result: unknown): string {
  if (typeof result !== 'object' || result === null || !('exc_type' in result))
    return `Dependency ${id} raised ${reprValue(result)}`
  const { exc_type: type, exc_message: message } = result as ExceptionInfo
  const words = typeof message === 'string' ? [message] : message
  return `Dependency ${id} raised ${type}(${words.map((word) => reprValue(word)).join(', ')})`
}

type Policy = 'continue' | 'ignore' | undefined

function policyOf(canvas: Canvas): Policy {
  const policy = firstOptions(canvas)[OWN_OPTIONS.memberFailure]
  return policy === 'continue' || policy === 'ignore' ? policy : undefined
}

const firstOptions = (canvas: Canvas): Readonly<Record<string, unknown>> => canvas.options

function valuesOf({ parts, shape }: CompletedJoin, policy: Policy): readonly unknown[] {
  const value = (part: CompletedJoin['parts'][number]): unknown => {
    if (policy !== 'continue') return part.result
    return part.state === 'SUCCESS'
      ? { status: 'fulfilled', value: part.result }
      : { status: 'rejected', reason: part.result }
  }
  const kept = policy === 'ignore' ? parts.filter(({ state }) => state === 'SUCCESS') : parts
  if (!shape) return kept.map(value)
  const byId = new Map(kept.map((part) => [part.taskId, part]))
  const present = policy === 'ignore' ? pruned(shape, (id) => byId.has(id)) : shape
  return shapeOf(present, (id) => {
    const part = byId.get(id)
    return part ? value(part) : null
  })
}

function pruned([own, children]: ResultTuple, isKept: (id: string) => boolean): ResultTuple {
  const left = (children ?? []).flatMap((child) =>
    child[1] === null ? (isKept(child[0][0]) ? [child] : []) : [pruned(child, isKept)],
  )
  return [own, left]
}

/** Errbacks of a body: those of its first task, because every step and member carries the same ones. */
function errbacksOf(body: Canvas): readonly WireSignature[] {
  switch (body.kind) {
    case 'task':
      return signaturesIn(body.options, 'link_error')
    case 'chain':
    case 'group': {
      const own = signaturesIn(body.options, 'link_error')
      const [first] = body.kind === 'chain' ? body.steps : body.members
      return own.length > 0 || !first ? own : errbacksOf(first)
    }
    case 'chord':
      return errbacksOf(body.body)
  }
}
