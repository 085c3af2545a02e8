import type { Mark } from '../../coordination/index.js'
import { counted } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { whereAgreed } from './where-agreed.js'

/** The space of tasks that have lost several workers: task id → their losses. */
const SPACE = 'redelivered'

/** A task that has lost several workers, one after the other, and is about to be, or is being, run again. */
export interface RedeliveredTask {
  readonly id: string
  readonly task: string
  readonly queue: string
  /** How many workers it has lost. */
  readonly redeliveries: number
  /** The worker that holds it, or had it last. */
  readonly worker: string
}

/** A redelivered task in words. */
export const describeRedelivered = ({ id, task, redeliveries, worker }: RedeliveredTask): string =>
  `${task}[${id}] has lost ${counted(redeliveries, 'worker')}, and ${worker} had it last`

/** Records which tasks were redelivered before they run: their worker may die under them. */
export async function noteRedelivered(core: AppCore, tasks: readonly RedeliveredTask[]): Promise<void> {
  // Until its lease has ended and another worker has it, and some more.
  const expiresMs = core.clock.now() + 3 * core.conf.brokerLease * 1000
  const marks = tasks.map(({ id, ...known }) => ({ key: id, value: JSON.stringify(known), expiresMs }))
  await whereAgreed(async () => void (await (await core.coordination()).put(SPACE, marks)))
}

/** These have ended, or gone back. */
export async function forgetRedelivered(core: AppCore, ids: readonly string[]): Promise<void> {
  const marks = ids.map((key) => ({ key }))
  await whereAgreed(async () => void (await (await core.coordination()).remove(SPACE, marks)))
}

/** The tasks that have lost several workers and may be losing the next; none where the broker keeps no such facts. */
export async function redeliveredTasks(core: AppCore): Promise<readonly RedeliveredTask[]> {
  let marks: readonly Mark[] = []
  await whereAgreed(async () => {
    marks = await (await core.coordination()).list(SPACE)
  })
  // Only `noteRedelivered` writes them.
  return marks.map(({ key, value }) => ({ id: key, ...(JSON.parse(value) as Omit<RedeliveredTask, 'id'>) }))
}
