import type { CanvasCall } from '../../canvas/index.js'
import {
  type Canvas,
  type ChordNode,
  chainOf,
  freeze,
  fromWire,
  type GroupNode,
  headerTuple,
  type PriorityToWire,
  resultTuple,
  shapeOf,
  signaturesIn,
  type TaskNode,
  textOption,
  toWire,
  withOptions,
} from '../../canvas/index.js'
import { type Embed, embedWith, type LaterSteps, type WireSignature } from '../../message/index.js'
import type { ResultTuple } from '../../result/index.js'

/** A chord whose members are about to be sent: it must be opened first. */
export interface OpenedJoin {
  /** The header's group id. */
  readonly id: string
  /** Number of completions to wait for. */
  readonly size: number
  readonly body: WireSignature
  /** The header's results, when groups in it make its list a nested one. */
  readonly shape?: ResultTuple
}

/** The actions that start a canvas. */
export interface Dispatch {
  readonly joins: readonly OpenedJoin[]
  readonly calls: readonly CanvasCall[]
  /** The started work, as its parent records it. */
  readonly children: readonly ResultTuple[]
}

/** A canvas's position in the work around it. */
export interface Surroundings {
  /** Absent = each first task is its own root. */
  readonly rootId?: string
  readonly parentId?: string
  /** The steps that follow, the next step last. */
  readonly chain?: readonly WireSignature[]
  /** The same as `chain`, unread; for a task without steps of its own. */
  readonly later?: LaterSteps
  /** The body that waits for this canvas as a member. */
  readonly chord?: WireSignature
  readonly newId: () => string
  readonly priorityToWire?: PriorityToWire
}

interface Collected {
  readonly joins: OpenedJoin[]
  readonly calls: CanvasCall[]
}

/** Returns the actions for a frozen canvas whose first tasks take `lead` before their own arguments. */
export function dispatch(canvas: Canvas, lead: readonly unknown[], around: Surroundings): Dispatch {
  const collected: Collected = { joins: [], calls: [] }
  begin(canvas, lead, around, collected)
  return { ...collected, children: [resultTuple(canvas)] }
}

/** Combines several sets of actions. */
export function dispatchAll(
  canvases: readonly Canvas[],
  lead: readonly unknown[],
  around: Surroundings,
): Dispatch {
  const collected: Collected = { joins: [], calls: [] }
  for (const canvas of canvases) begin(canvas, lead, around, collected)
  return { ...collected, children: canvases.map((canvas) => resultTuple(canvas)) }
}

function begin(canvas: Canvas, lead: readonly unknown[], around: Surroundings, to: Collected): void {
  const args = canvas.immutable ? canvas.args : [...lead, ...canvas.args]
  switch (canvas.kind) {
    case 'task':
      to.calls.push(callOf(canvas, args, around))
      return
    case 'chain': {
      const [first, ...rest] = canvas.steps
      if (!first) return
      const last = rest.length - 1
      const remaining = rest.map((step, place) =>
        toWire(place === last ? memberOf(step, around.chord) : step, around.priorityToWire),
      )
      remaining.reverse()
      const { chord, ...outside } = around
      const chain = [...(around.chain ?? []), ...remaining]
      begin(first, args, { ...outside, ...(last < 0 && chord ? { chord } : {}), chain }, to)
      return
    }
    case 'group':
      beginGroup(canvas, args, around, to)
      return
    case 'chord':
      beginChord(canvas, args, around, to)
  }
}

function beginGroup(group: GroupNode, args: readonly unknown[], around: Surroundings, to: Collected): void {
  const { chain = [], ...outside } = around
  const next = chain.at(-1)
  if (!next && !around.chord) {
    for (const member of group.members) begin(member, args, { ...outside, chain: [] }, to)
    return
  }
  // Another step waits for the whole group after all: that makes it a chord.
  const steps = [...chain].reverse().map((step) => fromWire(step))
  const body = next ? steps : []
  const upgraded = freeze(chainOf([group, ...body]), around.newId)
  begin(upgraded, args, { ...outside, chain: [] }, to)
}

function beginChord(chord: ChordNode, args: readonly unknown[], around: Surroundings, to: Collected): void {
  const { chain = [], chord: outer, ...outside } = around
  const whole = memberOf(followedBy(chord.body, chain), outer)
  const members = chord.header.flatMap(flatMembers)
  const { task_id: _, ...options } = chord.options
  const id = chord.groupId ?? around.newId()
  const body = withOptions(whole, { ...options, ...whole.options })
  if (members.length === 0) {
    begin(body, [shapeOf(headerTuple(chord), () => null)], outside, to)
    return
  }
  const wire = toWire(body, around.priorityToWire)
  const isNested = chord.header.some((member) => member.kind === 'group')
  to.joins.push({
    id,
    size: members.length,
    body: wire,
    ...(isNested ? { shape: headerTuple(chord) } : {}),
  })
  for (const member of members) begin(member, args, { ...outside, chord: wire }, to)
}

/** Number of counted members: members of nested groups count themselves. */
const flatMembers = (member: Canvas): readonly Canvas[] =>
  member.kind === 'group' ? member.members.flatMap(flatMembers) : [member]

/** A body with the steps that come after its chord. */
function followedBy(body: Canvas, chain: readonly WireSignature[]): Canvas {
  if (chain.length === 0) return body
  switch (body.kind) {
    case 'task':
      return withOptions(body, { chain: [...chain, ...signaturesIn(body.options, 'chain')] })
    case 'chord':
      return { ...body, body: followedBy(body.body, chain) }
    case 'chain':
    case 'group': {
      const { task_id: _, ...options } = body.options
      const open = body.kind === 'chain' ? { ...body, options } : body
      return chainOf([open, ...[...chain].reverse().map((step) => fromWire(step))])
    }
  }
}

/** Makes the last task of a canvas count towards a body. */
function memberOf(canvas: Canvas, chord: WireSignature | undefined): Canvas {
  if (!chord) return canvas
  switch (canvas.kind) {
    case 'task': {
      const [last, ...before] = signaturesIn(canvas.options, 'chain')
      if (!last) return withOptions(canvas, { chord })
      // The member ends with its own remaining steps; the first of the list is the last to run.
      return withOptions(canvas, { chain: [toWire(memberOf(fromWire(last), chord)), ...before] })
    }
    case 'chain': {
      const last = canvas.steps.at(-1)
      return last ? { ...canvas, steps: [...canvas.steps.slice(0, -1), memberOf(last, chord)] } : canvas
    }
    case 'chord':
      return { ...canvas, body: memberOf(canvas.body, chord) }
    case 'group':
      return canvas
  }
}

/** The fields that travel in the message's embed rather than among its options. */
const EMBEDDED: ReadonlySet<string> = new Set(['link', 'link_error', 'chain', 'chord'])

function callOf(node: TaskNode, args: readonly unknown[], around: Surroundings): CanvasCall {
  const options: Record<string, unknown> = {}
  for (const name in node.options) if (!EMBEDDED.has(name)) options[name] = node.options[name]
  if (around.rootId !== undefined) options.root_id = around.rootId
  if (around.parentId !== undefined) options.parent_id = around.parentId
  const { priorityToWire } = around
  const written = (name: string): readonly WireSignature[] =>
    signaturesIn(node.options, name).map((one) =>
      priorityToWire ? toWire(fromWire(one), priorityToWire) : one,
    )
  const own = node.options.chain
  // The surrounding steps are our own already; parsing them again would take time proportional to their length.
  const chain = [...(around.chain ?? []), ...(own === undefined ? [] : written('chain'))]
  const [chord] = written('chord')
  const callbacks = written('link')
  const errbacks = written('link_error')
  const rest = {
    callbacks: callbacks.length > 0 ? callbacks : null,
    errbacks: errbacks.length > 0 ? errbacks : null,
    chord: around.chord ?? chord ?? null,
  }
  const embed: Embed = around.later
    ? embedWith(rest, around.later)
    : { ...rest, chain: around.chain === undefined && own === undefined ? null : chain }
  return { task: node.task, args, kwargs: node.kwargs, options, embed }
}

/** Whether a canvas counts towards a chord, and as which part. */
export function partOf(canvas: TaskNode): {
  readonly groupId: string
  readonly index: number | null
  readonly body: WireSignature
} | null {
  const groupId = textOption(canvas.options, 'group_id')
  const [body] = signaturesIn(canvas.options, 'chord')
  if (groupId === undefined || !body) return null
  const index = canvas.options.group_index
  return { groupId, index: typeof index === 'number' ? index : null, body }
}
