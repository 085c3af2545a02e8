import type { AppCore } from '../app/core/index.js'
import { queueOfTasks } from '../app/fleet/index.js'
import { type Broker, unkeptArguments } from '../broker/index.js'

const MOST_SHOWN = 5

/** Warnings for the operator before the first task runs, one sentence each. */
export function startWarnings(app: AppCore, broker: Broker, queues: readonly string[]): readonly string[] {
  return [
    ...routeWarnings(app),
    ...processWarnings(),
    ...queueWarnings(broker, queues),
    ...unreadWarnings(app, queues),
    ...unkeptWarnings(app, broker, queues),
    ...holdWarnings(app, broker),
  ]
}

/** A route that matches no task is most often a typo, and the intended task goes to the default queue. */
function routeWarnings(app: AppCore): readonly string[] {
  return app.unroutedNames().map((name) => {
    const near = app.tasks.nearest(name)
    const hint = near === undefined ? '' : ` Did you mean ${near}?`
    return `taskRoutes names ${name}, but no such task is registered here.${hint}`
  })
}

function processWarnings(): readonly string[] {
  return process.getuid?.() === 0
    ? ['This worker runs as root: a task that is exploited controls the whole machine. Use a dedicated user.']
    : []
}

function queueWarnings(broker: Broker, queues: readonly string[]): readonly string[] {
  return [
    ...(queues.length === 0 ? ['This worker consumes no queue: -X left none.'] : []),
    ...(broker.capabilities.shared
      ? []
      : [
          `The broker ${broker.location} is in this process: no other process can send to it. It is meant for tests.`,
        ]),
  ]
}

/** Queue options that the server does not support. */
function unkeptWarnings(app: AppCore, broker: Broker, queues: readonly string[]): readonly string[] {
  if (broker.capabilities.queueArguments) return []
  return queues
    .map((name) => app.router.queue(name))
    .flatMap((queue) => {
      const unkept = unkeptArguments(queue)
      return unkept.length === 0
        ? []
        : [`Queue ${queue.name}: ${broker.kind} does not support ${unkept.join(', ')}.`]
    })
}

/** Without `-Q` the worker is expected to serve everything that the app needs; tasks routed elsewhere would wait for ever. */
function unreadWarnings(app: AppCore, queues: readonly string[]): readonly string[] {
  if (queues.join() !== app.router.declared.map(({ name }) => name).join()) return []
  const unread = new Map<string, string[]>()
  for (const [task, queue] of queueOfTasks(app))
    if (!queues.includes(queue)) unread.set(queue, [...(unread.get(queue) ?? []), task])
  return [...unread].map(([queue, tasks]) => {
    const shown = tasks.slice(0, MOST_SHOWN).join(', ')
    const more = tasks.length > MOST_SHOWN ? ` and ${tasks.length - MOST_SHOWN} more` : ''
    return `This worker does not consume the queue ${queue}, to which ${shown}${more} ${tasks.length === 1 ? 'goes' : 'go'}: add it to -Q.`
  })
}

/** Tasks that may run for longer than the server lets a worker hold their message. */
function holdWarnings(app: AppCore, { kind, capabilities }: Broker): readonly string[] {
  const { longestHoldMs } = capabilities
  if (longestHoldMs === undefined) return []
  const long = [...app.tasks].filter(
    ({ name, options: { timeLimit, acksLate } }) =>
      !name.startsWith('celery.') && acksLate !== false && !(timeLimit && timeLimit * 1000 <= longestHoldMs),
  )
  if (long.length === 0) return []
  const names = long.slice(0, 3).map(({ name }) => name)
  const others = long.length > names.length ? `, and ${long.length - names.length} more` : ''
  return [
    `The server (${kind}) gives a message to another worker after ${longestHoldMs / 1000} s; without a shorter time limit these tasks may run twice: ${names.join(', ')}${others}. Set timeLimit, or raise consumer_timeout on the server and brokerTransportOptions.consumerTimeout here.`,
  ]
}
