import type { WireSignature } from '../message/index.js'
import { type Canvas, misshapen, taskNode, type WireOptions, withOptions, withoutOptions } from './node.js'
import { fromWire, signaturesIn, toWire } from './wire.js'

/** A chain of steps, with nested chains flattened; a group before another step becomes the header of a chord. */
export function chainOf(steps: readonly Canvas[]): Canvas {
  const all = steps.flatMap((step) => flattened(step))
  // As in Celery 5.7: an empty group after a group is skipped.
  const flat = all.filter((step, place) => !(isEmptyGroup(step) && all[place - 1]?.kind === 'group'))
  const upgraded: Canvas[] = []
  for (let place = flat.length - 1; place >= 0; place--) {
    const step = flat[place]
    if (!step) continue
    const next = upgraded.at(-1)
    if (step.kind === 'group' && next) {
      upgraded[upgraded.length - 1] = asChord(step, next)
      continue
    }
    upgraded.push(step)
  }
  upgraded.reverse()
  const [only] = upgraded
  if (!only) throw misshapen('A chain needs at least one step.')
  if (upgraded.length === 1) return only
  return { kind: 'chain', steps: upgraded, args: [], options: {}, immutable: false }
}

const isEmptyGroup = (step: Canvas): boolean => step.kind === 'group' && step.members.length === 0

/** `left`, then `right`. A group of one stays a group, as its type says, where Celery sometimes makes it its only member. */
export function pipe(left: Canvas, right: Canvas): Canvas {
  if (left.kind === 'chord') return { ...left, body: chainOf([left.body, right]) }
  return chainOf([left, right])
}

function asChord(group: Canvas & { readonly kind: 'group' }, body: Canvas): Canvas {
  const { task_id: groupId, ...options } = group.options
  return {
    kind: 'chord',
    header: group.members,
    ...(typeof groupId === 'string' ? { groupId } : {}),
    body,
    args: group.args,
    options,
    immutable: group.immutable,
  }
}

/** Options of a chain that apply after its end, not to each of its steps. */
const OF_THE_END = ['link', 'link_error', 'chain', 'chord', 'group_id', 'group_index', 'task_id'] as const

/**
 * The steps of a chain with the chain's own links applied; any other canvas is a single step. The chain's remaining steps (`chain`, the
 * next step last, as Celery writes it) are appended, and its place in a group is its last step's.
 */
function flattened(step: Canvas): readonly Canvas[] {
  if (step.kind !== 'chain') return [step]
  const remaining = signaturesIn(step.options, 'chain').map((one) => fromWire(one))
  const steps = [...step.steps, ...remaining.reverse()]
  const last = steps.length - 1
  if (last < 0) throw misshapen('A chain needs at least one step.')
  const options = withoutOptions(step, OF_THE_END).options
  const { chord, group_id, group_index } = step.options
  const links = signaturesIn(step.options, 'link')
  const errbacks = signaturesIn(step.options, 'link_error')
  return steps.flatMap((one, place) => {
    let inner = one
    if (place === 0 && (step.args.length > 0 || step.immutable))
      inner = { ...inner, args: [...step.args, ...inner.args], immutable: inner.immutable || step.immutable }
    const isOwn = place < step.steps.length
    if (isOwn && Object.keys(options).length > 0) inner = withOptions(inner, { ...options, ...inner.options })
    if (isOwn && errbacks.length > 0) inner = withLinks(inner, 'link_error', errbacks)
    if (place === step.steps.length - 1 && links.length > 0) inner = withLinks(inner, 'link', links)
    if (place === last) inner = atEnd(inner, { chord, group_id, group_index })
    return flattened(inner)
  })
}

/** Gives the last task of a canvas options that it lacks. */
function atEnd(canvas: Canvas, options: WireOptions): Canvas {
  switch (canvas.kind) {
    case 'task':
      return withOptions(canvas, { ...options, ...canvas.options })
    case 'chain': {
      const last = canvas.steps.at(-1)
      return last ? { ...canvas, steps: [...canvas.steps.slice(0, -1), atEnd(last, options)] } : canvas
    }
    case 'chord':
      return { ...canvas, body: atEnd(canvas.body, options) }
    case 'group':
      return canvas
  }
}

/** Adds callbacks or errbacks, each once. */
export function withLinks(
  canvas: Canvas,
  name: 'link' | 'link_error',
  links: readonly WireSignature[],
): Canvas {
  switch (canvas.kind) {
    case 'task':
    case 'chain': {
      const known = signaturesIn(canvas.options, name)
      const seen = new Set(known.map((one) => JSON.stringify(one)))
      const fresh = links.filter((one) => !seen.has(JSON.stringify(one)))
      return withOptions(canvas, { [name]: [...known, ...fresh] })
    }
    case 'group': {
      // As in Celery: a callback is attached to the first member, an errback to each.
      const members = canvas.members.map((member, place) =>
        name === 'link_error' || place === 0 ? withLinks(member, name, links) : member,
      )
      return { ...canvas, members }
    }
    case 'chord':
      return { ...canvas, body: withLinks(canvas.body, name, links) }
  }
}

/** Adds errbacks to the members of a chord's header too (`taskAllowErrorCbOnChordHeader`). */
export function withHeaderErrbacks(canvas: Canvas, links: readonly WireSignature[]): Canvas {
  switch (canvas.kind) {
    case 'chord':
      return { ...canvas, header: canvas.header.map((member) => withLinks(member, 'link_error', links)) }
    case 'chain':
      return { ...canvas, steps: canvas.steps.map((step) => withHeaderErrbacks(step, links)) }
    default:
      return canvas
  }
}

/** A copy with options merged in where they take effect: the members of a group, the body of a chord. */
export function configured(canvas: Canvas, options: Readonly<Record<string, unknown>>): Canvas {
  switch (canvas.kind) {
    case 'task':
      return withOptions(canvas, options)
    case 'chain': {
      // The id names the last step; start delays belong to the first; the rest applies to every step.
      const { task_id, countdown, eta, ...rest } = options
      const last = canvas.steps.length - 1
      const steps = canvas.steps.map((step, place) => {
        const own = { ...rest, ...(place === 0 ? { countdown, eta } : {}) }
        return configured(step, place === last ? { ...own, task_id } : own)
      })
      return { ...canvas, steps }
    }
    case 'group': {
      const { task_id, ...rest } = options
      const members = canvas.members.map((member) => configured(member, rest))
      return withOptions({ ...canvas, members }, { task_id })
    }
    case 'chord': {
      const { task_id, countdown, eta, ...rest } = options
      const header = canvas.header.map((member) => configured(member, { ...rest, countdown, eta }))
      return { ...canvas, header, body: configured(canvas.body, { ...rest, task_id }) }
    }
  }
}

/**
 * A copy with the options of one call, which apply to the tasks sent first, as in Celery: the first step of a chain, every member of a
 * group, header and body of a chord. Later steps keep their own options. An id names the result of the whole.
 */
export function called(canvas: Canvas, options: Readonly<Record<string, unknown>>): Canvas {
  const { task_id, ...rest } = options
  switch (canvas.kind) {
    case 'task':
      return withOptions(canvas, options)
    case 'chain': {
      const last = canvas.steps.length - 1
      const steps = canvas.steps.map((step, place) => {
        const begun = place === 0 ? called(step, rest) : step
        return place === last ? called(begun, { task_id }) : begun
      })
      return { ...canvas, steps }
    }
    case 'group': {
      const members = canvas.members.map((member) => called(member, rest))
      return withOptions({ ...canvas, members }, { task_id })
    }
    case 'chord': {
      const { countdown, eta, ...both } = rest
      const header = canvas.header.map((member) => called(member, rest))
      return { ...canvas, header, body: called(canvas.body, { ...both, task_id }) }
    }
  }
}

/** Gives the members of a group increasing countdowns: `start`, `start + step`, … seconds, not beyond `stop`. */
export function skewed(
  members: readonly Canvas[],
  { start = 1, stop, step = 1 }: { readonly start?: number; readonly stop?: number; readonly step?: number },
): readonly Canvas[] {
  return members.map((member, place) => {
    const countdown = start + place * step
    return configured(member, { countdown: stop === undefined ? countdown : Math.min(stop, countdown) })
  })
}

/** Calls a task for each item of a list in one message. */
export function mapped(name: 'map' | 'starmap', task: Canvas, items: readonly unknown[]): Canvas {
  const queue = task.options.queue
  return taskNode(
    `celery.${name}`,
    [],
    { task: toWire(task), it: items },
    queue === undefined ? {} : { queue },
    true,
  )
}

/** A group of starmaps, each over `size` items. */
export function chunked(task: Canvas, items: Iterable<readonly unknown[]>, size: number): Canvas {
  if (!Number.isInteger(size) || size < 1) throw misshapen('A chunk must have at least one item.')
  const members: Canvas[] = []
  let chunk: (readonly unknown[])[] = []
  for (const item of items) {
    chunk.push(item)
    if (chunk.length === size) {
      members.push(mapped('starmap', task, chunk))
      chunk = []
    }
  }
  if (chunk.length > 0) members.push(mapped('starmap', task, chunk))
  return { kind: 'group', members, args: [], options: {}, immutable: false }
}
