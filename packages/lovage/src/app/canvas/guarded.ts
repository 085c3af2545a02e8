import type { Broker } from '../../broker/index.js'
import { type Canvas, fromWire, misshapen, signaturesIn, type TaskNode } from '../../canvas/index.js'
import type { AppCore } from '../core/index.js'
import { priorityFromWire, priorityToWire } from '../routing/index.js'
import { type Call, type CallGuard, toCall } from '../tasks/index.js'
import { dispatch } from './dispatch.js'

/** Options that make a signature more than a call: something waits for its very task. */
const AWAITED = ['link', 'link_error', 'chain', 'chord', 'group_id']
/** Celery's tasks that run another one over a list, in one message. */
const OVER_LISTS: ReadonlySet<string> = new Set(['celery.map', 'celery.starmap', 'celery.chunks'])

/** The call that a canvas of one task is, if nothing else depends on it; undefined for any other canvas. */
export function plainCall(
  core: Pick<AppCore, 'known'>,
  canvas: Canvas,
  lead: readonly unknown[],
  capabilities: Broker['capabilities'],
): Call | undefined {
  if (canvas.kind !== 'task' || AWAITED.some((name) => canvas.options[name] !== undefined)) return undefined
  const around = { newId: () => '', priorityToWire: priorityToWire(capabilities) }
  const [call] = dispatch(canvas, lead, around).calls
  if (!call) return undefined
  const { embed: _, ...plain } = toCall(
    call,
    core.known(call.task)?.definition.own ?? {},
    priorityFromWire(capabilities),
  )
  return plain
}

/**
 * Refuses a canvas that has a guarded task among its parts: a part that is not sent, because another call holds its key, would leave the
 * rest waiting for it.
 * @throws {MessageError} LVG_CANVAS_INVALID.
 */
export function refuseGuarded(canvas: Canvas, guardOf: (task: string) => CallGuard | undefined): void {
  const waiting: Canvas[] = [canvas]
  for (let one = waiting.pop(); one; one = waiting.pop()) {
    for (const name of ['link', 'link_error'])
      for (const link of signaturesIn(one.options, name)) waiting.push(fromWire(link))
    if (one.kind === 'task') {
      const task = calledBy(one)
      const guard = guardOf(task)
      if (guard) throw refusal(task, guard)
    } else waiting.push(...partsIn(one))
  }
}

function partsIn(canvas: Exclude<Canvas, TaskNode>): readonly Canvas[] {
  switch (canvas.kind) {
    case 'chain':
      return canvas.steps
    case 'group':
      return canvas.members
    case 'chord':
      return [...canvas.header, canvas.body]
  }
}

/** The name of the task that a node runs. */
function calledBy({ task, kwargs }: TaskNode): string {
  if (!OVER_LISTS.has(task)) return task
  const { task: inner } = kwargs
  const isNamed = typeof inner === 'object' && inner !== null && 'task' in inner
  return isNamed && typeof inner.task === 'string' ? inner.task : task
}

const refusal = (task: string, { kind }: CallGuard) =>
  misshapen(
    `${task} cannot be part of a canvas: it is ${kind === 'unique' ? 'unique or throttled' : 'debounced or keepLatest'}, and a call of it that is not run would leave the other parts waiting.`,
    `Call it from a task, with ${task}.delay(…), or define a task without this option for the canvas.`,
  )
