import type { WireSignature } from '../message/index.js'
import {
  type Canvas,
  MAX_CANVAS_DEPTH,
  MAX_CANVAS_SIZE,
  misshapen,
  OWN_OPTIONS,
  taskNode,
  type WireOptions,
  withoutOptions,
} from './node.js'

/** Converts a public priority to the number on the broker's wire, for signatures. */
export type PriorityToWire = (priority: number) => number

/** A canvas in the wire form of signatures (docs/internals/wire.md#signatures). */
export function toWire(canvas: Canvas, priorityToWire?: PriorityToWire): WireSignature {
  const options = wireOptions(canvas.options, priorityToWire)
  const { immutable, args } = canvas
  const all = (list: readonly Canvas[]): readonly WireSignature[] =>
    list.map((one) => toWire(one, priorityToWire))
  switch (canvas.kind) {
    case 'task':
      return { task: canvas.task, args, kwargs: canvas.kwargs, options, subtask_type: null, immutable }
    case 'chain':
      return composite('chain', { tasks: all(canvas.steps) })
    case 'group':
      return composite('group', { tasks: all(canvas.members) })
    case 'chord': {
      const { groupId } = canvas
      const header = all(canvas.header.map((member) => (groupId ? outside(groupId, member) : member)))
      const kwargs = { kwargs: {}, body: toWire(canvas.body, priorityToWire) }
      if (groupId === undefined) return composite('chord', { ...kwargs, header })
      // A frozen chord has its header's id, as in Celery: Python counts members under that id.
      const ids = { task_id: groupId }
      const group = composite('group', { tasks: header }, { args: [], options: ids, immutable: false })
      return composite('chord', { ...kwargs, header: group }, { options: { ...options, ...ids } })
    }
  }
  function composite(
    type: string,
    kwargs: Readonly<Record<string, unknown>>,
    over: Partial<WireSignature> = {},
  ): WireSignature {
    return { task: `celery.${type}`, args, kwargs, options, subtask_type: type, immutable, ...over }
  }
}

/**
 * A header's member without its group id, which the header carries. Python may give a header another id on reading, and members with the
 * old one would never be counted.
 */
function outside(groupId: string, member: Canvas): Canvas {
  switch (member.kind) {
    case 'task':
      return member.options.group_id === groupId ? withoutOptions(member, ['group_id']) : member
    case 'chain': {
      const last = member.steps.at(-1)
      return last ? { ...member, steps: [...member.steps.slice(0, -1), outside(groupId, last)] } : member
    }
    case 'group':
      return { ...member, members: member.members.map((one) => outside(groupId, one)) }
    case 'chord':
      return { ...member, body: outside(groupId, member.body) }
  }
}

/** Options with every public priority, in nested signatures too, converted to the wire's number. */
function wireOptions(options: WireOptions, priorityToWire: PriorityToWire | undefined): WireOptions {
  if (!priorityToWire) return options
  const written: Record<string, unknown> = { ...options }
  const own = written[OWN_OPTIONS.priority]
  if (typeof own === 'number') {
    written.priority = priorityToWire(own)
    delete written[OWN_OPTIONS.priority]
  }
  for (const name of ['link', 'link_error', 'chain']) {
    const list = written[name]
    if (Array.isArray(list) && list.length > 0)
      written[name] = list.map((one: unknown) => (isFields(one) ? rewritten(one, priorityToWire) : one))
  }
  if (isFields(written.chord)) written.chord = rewritten(written.chord, priorityToWire)
  return written
}

const rewritten = (signature: Fields, priorityToWire: PriorityToWire): Fields =>
  JSON.stringify(signature).includes(OWN_OPTIONS.priority)
    ? { ...toWire(fromWire(signature), priorityToWire) }
    : signature

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads a signature from the wire, Python's or ours. A part that is missing gets its default.
 * @throws {MessageError} LVG_CANVAS_INVALID for a value that is not a signature, is nested deeper than 100 levels, or has more than
 * 200,000 signatures.
 */
export function fromWire(value: unknown): Canvas {
  return read(value, 0, { left: MAX_CANVAS_SIZE })
}

function read(value: unknown, depth: number, budget: { left: number }): Canvas {
  if (depth > MAX_CANVAS_DEPTH)
    throw misshapen(`The canvas is nested deeper than ${MAX_CANVAS_DEPTH} levels.`)
  if (--budget.left < 0) throw misshapen(`The canvas has more than ${MAX_CANVAS_SIZE} signatures.`)
  if (!isFields(value)) throw misshapen('A signature must be an object.')
  const { task, args: given, kwargs = {}, options: stored = {}, subtask_type: type = null } = value
  if (typeof task !== 'string' || task === '') throw misshapen('A signature has no task.')
  const name = task.slice(0, 256)
  const args: unknown = given ?? []
  if (!Array.isArray(args)) throw misshapen(`The args of ${name} are not a list.`)
  if (!isFields(kwargs)) throw misshapen(`The kwargs of ${name} are not an object.`)
  if (!isFields(stored)) throw misshapen(`The options of ${name} are not an object.`)
  const { immutable: _, ...options } = stored
  const immutable = Boolean(value.immutable)
  const all = (list: unknown): readonly Canvas[] => {
    if (!Array.isArray(list)) throw misshapen(`The tasks of ${name} are not a list.`)
    return list.map((one) => read(one, depth + 1, budget))
  }
  switch (type) {
    case 'chain':
      return { kind: 'chain', steps: all(kwargs.tasks), args, options, immutable }
    case 'group':
      return { kind: 'group', members: all(kwargs.tasks), args, options, immutable }
    case 'chord': {
      const header = readHeader(kwargs.header, all)
      const body = read(kwargs.body, depth + 1, budget)
      const { task_id: id, ...others } = options
      // Celery gives a chord the id of its header.
      const own = id === undefined || id === header.groupId ? others : options
      return { kind: 'chord', ...header, body, args, options: own, immutable }
    }
    default:
      return taskNode(task, args, kwargs, options, immutable)
  }
}

/** A header is a list of signatures or one group of them, whose id is the chord's. */
function readHeader(
  header: unknown,
  all: (list: unknown) => readonly Canvas[],
): { readonly header: readonly Canvas[]; readonly groupId?: string } {
  if (!isFields(header)) return { header: all(header) }
  const [one] = all([header])
  if (one?.kind !== 'group') return { header: one ? [one] : [] }
  const groupId = one.options.task_id
  return { header: one.members, ...(typeof groupId === 'string' ? { groupId } : {}) }
}

/** The signatures in an option that holds one or several. */
export function signaturesIn(options: WireOptions, name: string): readonly WireSignature[] {
  const value = options[name]
  const list: readonly unknown[] = Array.isArray(value) ? value : value ? [value] : []
  return list.map((one) => toWire(fromWire(one)))
}
