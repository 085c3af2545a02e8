import type { Broker } from '../../broker/index.js'
import {
  type Canvas,
  type CanvasCall,
  dispatch,
  freeze,
  hasChord,
  misshapen,
  type OpenedJoin,
  type Surroundings,
  withReplyTo,
} from '../../canvas/index.js'
import { CapabilityError, type Clock, newId } from '../../kernel/index.js'
import { encodeJson } from '../../message/index.js'
import type { Join } from '../../result/index.js'
import { type AnyResult, GroupResult, type ResultHost, tupleOf } from '../results/index.js'
import { priorityFromWire, priorityToWire } from '../routing/index.js'
import type { Settings } from '../settings/index.js'
import { currentContext, type TaskRegistry, toCall } from '../tasks/index.js'
import type { Publisher } from './publish.js'

/** What sending a canvas needs of its app. */
export interface SendingHost extends ResultHost {
  readonly conf: Settings
  readonly clock: Clock
  readonly tasks: TaskRegistry
  /** Where results are answered to, if they are not stored. */
  readonly replyTo: string | undefined
  broker(): Promise<Broker>
}

/** Messages of one canvas that are in memory at once. */
const AT_ONCE = 500

/** Opens the joins of a canvas, sends its first messages and gives its result. */
export async function sendCanvas(
  host: SendingHost,
  publisher: Publisher,
  canvas: Canvas,
  lead: readonly unknown[],
): Promise<AnyResult> {
  const frozen = await made(host, freeze(canvas, newId))
  const { capabilities } = await host.broker()
  const parent = currentContext()
  const around: Surroundings = {
    newId,
    priorityToWire: priorityToWire(capabilities),
    ...(parent ? { rootId: parent.rootId, parentId: parent.id } : {}),
  }
  const { joins, calls, children } = dispatch(frozen, lead, around)
  if (joins.length > 0) await openJoins(host, joins)
  const messages = calls.map((call) => toCallOf(host, call, capabilities))
  for (let at = 0; at < messages.length; at += AT_ONCE)
    await publisher.sendAll(messages.slice(at, at + AT_ONCE), parent, false)
  if (parent) parent.children.push(...children)
  const [tuple] = children
  if (!tuple) throw misshapen('A canvas of nothing.')
  return host.resultOf(tuple)
}

/** Sends members as they are made; each is frozen, sent and forgotten but for its id. */
export async function sendMembers(
  host: SendingHost,
  publisher: Publisher,
  members: Iterable<Canvas> | AsyncIterable<Canvas>,
  lead: readonly unknown[],
): Promise<AnyResult> {
  const groupId = newId()
  const { capabilities } = await host.broker()
  const parent = currentContext()
  const results: AnyResult[] = []
  let joins: OpenedJoin[] = []
  let calls: CanvasCall[] = []
  const flush = async (): Promise<void> => {
    if (joins.length > 0) await openJoins(host, joins)
    const batch = calls.map((call) => toCallOf(host, call, capabilities))
    joins = []
    calls = []
    if (batch.length > 0) await publisher.sendAll(batch, parent, false)
  }
  for await (const member of members) {
    const frozen = await made(host, freeze(member, newId, { groupId, groupIndex: results.length }))
    const sent = dispatch(frozen, lead, {
      newId,
      priorityToWire: priorityToWire(capabilities),
      ...(parent ? { rootId: parent.rootId, parentId: parent.id } : {}),
    })
    joins.push(...sent.joins)
    calls.push(...sent.calls)
    for (const tuple of sent.children) results.push(host.resultOf(tuple))
    if (calls.length >= AT_ONCE) await flush()
  }
  await flush()
  const group = new GroupResult(groupId, results, host)
  if (parent) parent.children.push(tupleOf(group))
  return group
}

const toCallOf = (host: SendingHost, call: CanvasCall, capabilities: Broker['capabilities']) =>
  toCall(call, host.tasks.get(call.task)?.definition.own ?? {}, priorityFromWire(capabilities))

/** A canvas for results that are answered to its sender: each step says so, and none may wait for several others. */
async function made(host: SendingHost, frozen: Canvas): Promise<Canvas> {
  if (host.replyTo === undefined) return frozen
  // A chord further on would otherwise be found out by a worker, when the steps before it have run.
  if (hasChord(frozen)) throw noChords((await host.results()).kind)
  return withReplyTo(frozen, host.replyTo)
}

/** @throws {CapabilityError} when the result backend counts no chords. */
export async function openJoins(host: SendingHost, opened: readonly OpenedJoin[]): Promise<void> {
  const { joins, kind } = await host.results()
  if (!joins) throw noChords(kind)
  await joins.open(toJoins(opened, host.conf, host.clock.now()))
}

/** Said before anything of the canvas is sent. */
export const noChords = (kind: string): CapabilityError =>
  new CapabilityError(
    `A chord cannot be counted by results in ${kind}; a group that something follows is one.`,
    {
      code: 'LVG_CAPABILITY_MISSING',
      details: { backend: kind },
      hint: 'Keep results on Redis, in PostgreSQL or in SQLite: set resultBackend.',
    },
  )

/** Joins as a store keeps them; each ends with the results of its members at the latest. */
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
