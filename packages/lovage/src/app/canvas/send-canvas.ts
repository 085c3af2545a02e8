import type { Broker } from '../../broker/index.js'
import type { CanvasCall } from '../../canvas/index.js'
import { type Canvas, freeze, misshapen } from '../../canvas/index.js'
import { CapabilityError, newTaskId } from '../../kernel/index.js'
import { encodeJson } from '../../message/index.js'
import type { Join } from '../../result/index.js'
import type { AppCore } from '../core/index.js'
import { type AnyResult, GroupResult, tupleOf } from '../results/index.js'
import { priorityFromWire, priorityToWire } from '../routing/index.js'
import { type Call, currentContext, type TaskContext, toCall } from '../tasks/index.js'
import { dispatch, type OpenedJoin, type Surroundings } from './dispatch.js'
import { hasChord, withReplyTo } from './reply-to.js'

/** Publishes the calls of a canvas, or none of them if one cannot be serialised. */
export interface CanvasPublisher {
  sendAll(calls: readonly Call[], parent: TaskContext | undefined, isRemembered: boolean): Promise<unknown>
}

/** Number of messages of one canvas in memory at once. */
const AT_ONCE = 500

/** Opens the joins of a canvas, sends its first messages and returns its result. */
export async function sendCanvas(
  core: AppCore,
  publisher: CanvasPublisher,
  canvas: Canvas,
  lead: readonly unknown[],
): Promise<AnyResult> {
  const frozen = await made(core, freeze(canvas, newTaskId))
  const { capabilities } = await core.broker()
  const parent = currentContext()
  const around: Surroundings = {
    newId: newTaskId,
    priorityToWire: priorityToWire(capabilities),
    ...(parent ? { rootId: parent.rootId, parentId: parent.id } : {}),
  }
  const { joins, calls, children } = dispatch(frozen, lead, around)
  if (joins.length > 0) await openJoins(core, joins)
  const messages = calls.map((call) => toCallOf(core, call, capabilities))
  for (let at = 0; at < messages.length; at += AT_ONCE)
    await publisher.sendAll(messages.slice(at, at + AT_ONCE), parent, false)
  if (parent) parent.children.push(...children)
  const [tuple] = children
  if (!tuple) throw misshapen('The canvas is empty.')
  return core.resultOf(tuple)
}

/** Sends members as they are generated; each is frozen, sent and forgotten except for its id. */
export async function sendMembers(
  core: AppCore,
  publisher: CanvasPublisher,
  members: Iterable<Canvas> | AsyncIterable<Canvas>,
  lead: readonly unknown[],
): Promise<AnyResult> {
  const groupId = newTaskId()
  const { capabilities } = await core.broker()
  const parent = currentContext()
  const results: AnyResult[] = []
  let joins: OpenedJoin[] = []
  let calls: CanvasCall[] = []
  const flush = async (): Promise<void> => {
    if (joins.length > 0) await openJoins(core, joins)
    const batch = calls.map((call) => toCallOf(core, call, capabilities))
    joins = []
    calls = []
    if (batch.length > 0) await publisher.sendAll(batch, parent, false)
  }
  for await (const member of members) {
    const frozen = await made(core, freeze(member, newTaskId, { groupId, groupIndex: results.length }))
    const sent = dispatch(frozen, lead, {
      newId: newTaskId,
      priorityToWire: priorityToWire(capabilities),
      ...(parent ? { rootId: parent.rootId, parentId: parent.id } : {}),
    })
    joins.push(...sent.joins)
    calls.push(...sent.calls)
    for (const tuple of sent.children) results.push(core.resultOf(tuple))
    if (calls.length >= AT_ONCE) await flush()
  }
  await flush()
  const group = new GroupResult(groupId, results, core)
  if (parent) parent.children.push(tupleOf(group))
  return group
}

const toCallOf = (core: AppCore, call: CanvasCall, capabilities: Broker['capabilities']) =>
  toCall(call, core.known(call.task)?.definition.own ?? {}, priorityFromWire(capabilities))

/** A canvas whose results are sent back to its caller: each step carries the reply address, and none may wait for several others. */
async function made(core: AppCore, frozen: Canvas): Promise<Canvas> {
  if (core.replyTo === undefined) return frozen
  // Otherwise a chord further along would be discovered only by a worker, after the steps before it have run.
  if (hasChord(frozen)) throw noChords((await core.results()).kind)
  return withReplyTo(frozen, core.replyTo)
}

/** @throws {CapabilityError} when the result backend does not count chords. */
export async function openJoins(core: AppCore, opened: readonly OpenedJoin[]): Promise<void> {
  const { joins, kind } = await core.results()
  if (!joins) throw noChords(kind)
  await joins.open(toJoins(opened, core.conf, core.clock.now()))
}

/** Checked before any part of the canvas is sent. */
export const noChords = (kind: string): CapabilityError =>
  new CapabilityError(
    `The result backend ${kind} cannot count chords; a group that another step follows is a chord.`,
    {
      code: 'LVG_CAPABILITY_MISSING',
      details: { backend: kind },
      hint: 'Store results in Redis, PostgreSQL or SQLite: set resultBackend.',
    },
  )

/** Joins as a store keeps them; each expires with the results of its members at the latest. */
export function toJoins(
  opened: readonly OpenedJoin[],
  { resultExpires }: { readonly resultExpires: number | null },
  nowMs: number,
): readonly Join[] {
  const deadlineMs = nowMs + (resultExpires || DAY_S) * 1000
  return opened.map(({ id, size, body, shape }) => ({
    id,
    size,
    body: encodeJson(body),
    deadlineMs,
    ...(shape ? { shape } : {}),
  }))
}

const DAY_S = 86_400
