import type { Context, Link } from '@opentelemetry/api'
import type { TaskContext } from '../app/tasks/index.js'
import { messageOf, requireLater } from '../kernel/index.js'
import { JOIN_HEADER } from '../message/index.js'

const opentelemetry = requireLater<typeof import('@opentelemetry/api')>('@opentelemetry/api')

/** Links per span: SDKs with OpenTelemetry's defaults drop more. */
const MOST_LINKS = 128

const nameOf = (place: number): string => `trace.${place}`
const NAMES = Array.from({ length: MOST_LINKS }, (_, place) => nameOf(place))

/** Stores the context of a chord's member for the body's run. Called for recorded spans only. */
export async function keepForBody(task: TaskContext, context: Context): Promise<void> {
  const { groupId, groupIndex, embed, kept } = task
  if (!kept || !embed.chord || groupId === null || groupIndex === null || groupIndex >= MOST_LINKS) return
  const headers: Record<string, string> = {}
  opentelemetry().propagation.inject(context, headers)
  try {
    await kept.keep(groupId, nameOf(groupIndex), JSON.stringify(headers))
  } catch (error) {
    unlinked(task, error)
  }
}

/** Links to the runs of the members of a chord's body; undefined for any other task. */
export async function linksToMembers(task: TaskContext): Promise<Link[] | undefined> {
  const joinId = task.wireHeaders[JOIN_HEADER]
  if (typeof joinId !== 'string' || !task.kept) return undefined
  const { propagation, ROOT_CONTEXT, trace } = opentelemetry()
  try {
    const kept = await task.kept.readAll(joinId, NAMES)
    return kept.flatMap((json) => {
      const context = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, JSON.parse(json)))
      return context ? [{ context }] : []
    })
  } catch (error) {
    unlinked(task, error)
    return undefined
  }
}

/** A trace without its links is still useful; the task must not fail because of them. */
const unlinked = ({ logger }: TaskContext, error: unknown): void =>
  logger.debug({ err: error }, `spans are not linked: ${messageOf(error)}`)
