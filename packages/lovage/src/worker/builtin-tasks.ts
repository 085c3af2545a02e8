import type { AppCore } from '../app/core/index.js'
import type { TaskContext } from '../app/tasks/index.js'
import { fromWire } from '../canvas/index.js'
import { TaskError } from '../kernel/index.js'
import { unlockChord } from './chord-unlock.js'

/** The tasks that every worker has, like Celery's; an app may define its own under the same name. */
export function addBuiltinTasks(app: AppCore): void {
  app.defineBuiltin('celery.backend_cleanup', async () => {
    const { resultExpires } = app.conf
    if (app.hasResults && resultExpires > 0)
      await (await app.results()).prune(app.clock.now() - resultExpires * 1000)
  })
  app.defineBuiltin('celery.accumulate', ({ args, kwargs }) => {
    const { index } = kwargs
    return typeof index === 'number' ? (args.at(index) ?? null) : args
  })
  app.defineBuiltin('celery.map', (context) => over(app, context, (item) => [item]))
  app.defineBuiltin('celery.starmap', (context) => over(app, context, listOf))
  app.defineBuiltin('celery.chunks', async ({ kwargs }) => {
    const items = listOf(kwargs.it)
    const size = Math.max(1, Math.trunc(Number(kwargs.n)) || 1)
    const tasks: unknown[] = []
    for (let at = 0; at < items.length; at += size)
      tasks.push({
        task: 'celery.starmap',
        kwargs: { task: kwargs.task, it: items.slice(at, at + size) },
        immutable: true,
      })
    const group = { task: 'celery.group', kwargs: { tasks }, subtask_type: 'group' }
    return (await app.calls.sendCanvas(fromWire(group), [])).id
  })
  app.defineBuiltin('celery.group', async ({ args, kwargs }) => {
    const tasks = kwargs.tasks ?? args[0]
    const lead = listOf(kwargs.partial_args ?? args[3])
    const group = { task: 'celery.group', kwargs: { tasks }, subtask_type: 'group' }
    return (await app.calls.sendCanvas(fromWire(group), lead)).id
  })
  app.defineBuiltin('celery.chord', async ({ args, kwargs }) => {
    const [header = kwargs.header, body = kwargs.body] = args
    const chord = { task: 'celery.chord', kwargs: { kwargs: {}, header, body }, subtask_type: 'chord' }
    return (await app.calls.sendCanvas(fromWire(chord), listOf(kwargs.partial_args ?? args[2]))).id
  })
  app.defineBuiltin('celery.chain', () => {
    throw new TaskError('A chain is sent as its first step, never as a task of its own.', {
      code: 'LVG_CANVAS_INVALID',
    })
  })
  app.defineBuiltin('celery.chord_unlock', (context) => unlockChord(app, context))
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** Runs a task's function over items, one after the other, in this run. */
async function over(
  app: AppCore,
  context: TaskContext,
  argsOf: (item: unknown) => readonly unknown[],
): Promise<readonly unknown[]> {
  const signature = fromWire(context.kwargs.task)
  if (signature.kind !== 'task')
    throw new TaskError('Only a task can be run over items.', { code: 'LVG_CANVAS_INVALID' })
  const task = app.tasks.get(signature.task)
  if (!task) throw app.tasks.unknown(signature.task)
  const results: unknown[] = []
  for (const item of listOf(context.kwargs.it)) {
    const args = signature.immutable ? signature.args : [...argsOf(item), ...signature.args]
    results.push((await task.invoke(context, await task.bind(args, signature.kwargs))) ?? null)
  }
  return results
}
