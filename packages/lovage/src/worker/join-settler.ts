import type { AppCore } from '../app/core/index.js'
import type { TaskContext } from '../app/tasks/index.js'
import type { Canvas } from '../canvas/index.js'
import { TaskError } from '../kernel/index.js'
import { Claims } from './claims.js'
import { followUpPorts } from './follow-up-ports.js'
import { FollowUps } from './follow-ups.js'
import { LateConsumer } from './late-consumer.js'
import { Settler } from './settler.js'

/** Carries out work that belongs to no claim of this process: joins, and members added to them. */
export async function joinSettler(
  app: AppCore,
): Promise<{ readonly settler: Settler; readonly followUps: FollowUps }> {
  const broker = await app.broker()
  const results = await app.results()
  const followUps = new FollowUps(followUpPorts(app, broker, results))
  // Of no claim: nothing is settled there.
  const settler = new Settler({
    app,
    broker,
    consumer: new LateConsumer(),
    claims: new Claims(),
    results,
    followUps,
  })
  return { settler, followUps }
}

/** Adds a member to the chord of a running task. The join counts it before it is sent, so that it cannot end without it. */
export async function addToChord(
  app: AppCore,
  context: TaskContext,
  canvas: Canvas,
  place: number,
): Promise<void> {
  const { settler, followUps } = await joinSettler(app)
  const { followUp, taskId, joinId } = followUps.added(context, canvas, place)
  const { joins } = await app.results()
  if (!(await joins?.extend(joinId, [taskId])))
    throw new TaskError(`The chord of ${context.name} is no longer waiting.`, {
      code: 'LVG_CANVAS_INVALID',
    })
  context.children.push(...followUp.children)
  await settler.carryOut(followUp)
}
