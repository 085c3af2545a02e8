import { chainOf } from './compose.js'
import {
  type Canvas,
  type ChordNode,
  type GroupNode,
  MAX_CANVAS_DEPTH,
  misshapen,
  taskNode,
  textOption,
  withOptions,
  withoutOptions,
} from './node.js'
import { fromWire, signaturesIn } from './wire.js'

/** The place of a canvas within a larger one. */
export interface Place {
  readonly taskId?: string
  readonly groupId?: string
  readonly groupIndex?: number
}

/**
 * Gives every part its final form and id; existing ids stay. A chain's id is its last task's, a chord's its body's. Freezing twice
 * changes nothing.
 * @throws {MessageError} LVG_CANVAS_INVALID for an empty chain, and for one nested deeper than 100 levels.
 */
export function freeze(canvas: Canvas, newId: () => string, place: Place = {}, depth = 0): Canvas {
  if (depth > MAX_CANVAS_DEPTH)
    throw misshapen(`The canvas is nested deeper than ${MAX_CANVAS_DEPTH} levels.`, 'Does it contain itself?')
  const continued = withRemaining(canvas)
  if (continued) return freeze(continued, newId, place, depth + 1)
  switch (canvas.kind) {
    case 'task':
      return withOptions(canvas, {
        task_id: textOption(canvas.options, 'task_id') ?? place.taskId ?? newId(),
        ...membership(canvas, place),
      })
    case 'chain': {
      const id = textOption(canvas.options, 'task_id')
      const chain = chainOf([canvas])
      if (chain.kind !== 'chain')
        return freeze(chain, newId, id ? { ...place, taskId: id } : place, depth + 1)
      const last = chain.steps.length - 1
      const at = id ? { ...place, taskId: id } : place
      const steps = chain.steps.map((step, index) => freeze(step, newId, index === last ? at : {}, depth + 1))
      const lastId = steps[last] ? idOf(steps[last]) : undefined
      return { ...chain, steps, options: lastId ? { task_id: lastId } : {} }
    }
    case 'group': {
      const groupId = textOption(canvas.options, 'task_id') ?? place.taskId ?? newId()
      const members = canvas.members.map((member, groupIndex) =>
        member.kind === 'group'
          ? freeze(member, newId, {}, depth + 1)
          : freeze(member, newId, { groupId, groupIndex }, depth + 1),
      )
      return { ...canvas, members, options: { ...canvas.options, task_id: groupId } }
    }
    case 'chord':
      return freezeChord(canvas, newId, place, depth)
  }
}

/**
 * A group or chord followed by the steps that Celery wrote into its option `chain` (the next one last); undefined when there are none.
 * The step after a group of one takes its member's result, as in Celery.
 */
function withRemaining(canvas: Canvas): Canvas | undefined {
  if (canvas.kind !== 'group' && canvas.kind !== 'chord') return undefined
  const remaining = signaturesIn(canvas.options, 'chain').map((step) => fromWire(step))
  if (remaining.length === 0) return undefined
  remaining.reverse()
  const bare = withoutOptions(canvas, ['chain'])
  if (bare.kind === 'chord') return { ...bare, body: chainOf([bare.body, ...remaining]) }
  const [only, ...others] = bare.members
  return chainOf([only && others.length === 0 ? only : withoutOptions(bare, ['task_id']), ...remaining])
}

function freezeChord(chord: ChordNode, newId: () => string, place: Place, depth: number): Canvas {
  const groupId = chord.groupId ?? groupIdIn(chord.header) ?? newId()
  let index = 0
  const member = (one: Canvas): Canvas => {
    if (one.kind !== 'group') return freeze(asSingle(one), newId, { groupId, groupIndex: index++ }, depth + 1)
    return withOptions(
      { ...one, members: one.members.map(member) },
      { task_id: textOption(one.options, 'task_id') ?? newId() },
    )
  }
  const header = chord.header.map(member)
  const { task_id: own, link, link_error: linkError, ...options } = chord.options
  const taskId = typeof own === 'string' ? own : place.taskId
  let body = chord.body
  if (link !== undefined) body = withOptions(body, { link })
  if (linkError !== undefined) body = withOptions(body, { link_error: linkError })
  body = freeze(body, newId, { groupId, ...place, ...(taskId ? { taskId } : {}) }, depth + 1)
  return { ...chord, header, groupId, body, options: { ...options, task_id: idOf(body) } }
}

/** The group id that the members of a frozen header have. */
function groupIdIn(header: readonly Canvas[]): string | undefined {
  for (const member of header) {
    const id = groupIdAtEnd(member)
    if (id) return id
  }
  return undefined
}

/** The group of a member's last task: that of a chord's body, or of a chain's last step. */
function groupIdAtEnd(member: Canvas): string | undefined {
  switch (member.kind) {
    case 'task':
      return textOption(member.options, 'group_id')
    case 'chain': {
      const last = member.steps.at(-1)
      return last && groupIdAtEnd(last)
    }
    case 'group':
      return groupIdIn(member.members)
    case 'chord':
      return groupIdAtEnd(member.body)
  }
}

function membership(canvas: Canvas, { groupId, groupIndex }: Place) {
  // A member keeps the group for which it was frozen.
  if (canvas.options.group_id !== undefined || groupId === undefined) return {}
  return { group_id: groupId, group_index: groupIndex }
}

/** The same work ending in one task, as counting a chord requires: a group at the end of a member is gathered by `celery.accumulate`. */
export function asSingle(canvas: Canvas): Canvas {
  switch (canvas.kind) {
    case 'task':
      return canvas
    case 'chain': {
      const last = canvas.steps.at(-1)
      return last ? { ...canvas, steps: [...canvas.steps.slice(0, -1), asSingle(last)] } : canvas
    }
    case 'chord':
      return { ...canvas, body: asSingle(canvas.body) }
    case 'group':
      return gathered(canvas)
  }
}

/** A group followed by the task that returns the list of its results. */
export function gathered(group: GroupNode): Canvas {
  const queue = queueOf(group.members)
  const body = taskNode('celery.accumulate', [], { index: 0 }, queue === undefined ? {} : { queue })
  return chainOf([group, body])
}

/** The queue of the members, which has a worker: the joining task goes there too. */
export function queueOf(members: readonly Canvas[]): unknown {
  for (const member of members) {
    const inner =
      member.kind === 'task'
        ? member.options.queue
        : queueOf(
            member.kind === 'chain' ? member.steps : member.kind === 'group' ? member.members : [member.body],
          )
    if (inner !== undefined) return inner
  }
  return undefined
}

/** The id under which the result of a frozen canvas is found: its last task's, or its group's. */
export function idOf(canvas: Canvas): string | undefined {
  switch (canvas.kind) {
    case 'task':
    case 'group':
      return textOption(canvas.options, 'task_id')
    case 'chain': {
      const last = canvas.steps.at(-1)
      return last ? idOf(last) : undefined
    }
    case 'chord':
      return idOf(canvas.body)
  }
}
