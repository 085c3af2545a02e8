import { noChords } from '../app/canvas/index.js'
import type { AppCore } from '../app/core/index.js'
import { priorityFromWire, priorityToWire } from '../app/routing/index.js'
import { toMessage } from '../app/sending/index.js'
import { toCall } from '../app/tasks/index.js'
import type { Broker } from '../broker/index.js'
import type { ResultBackend } from '../result/index.js'
import type { FollowUpPorts } from './follow-ups.js'

/** The services of an app and its broker for follow-ups. */
export function followUpPorts(
  app: AppCore,
  broker: Broker,
  results: ResultBackend | undefined,
): FollowUpPorts {
  const { capabilities } = broker
  const fromWire = priorityFromWire(capabilities)
  // Results of follow-ups go to the sender of the canvas, never to this worker.
  const { conf, clock, router, tasks } = app
  return {
    send: (call) => {
      const own = app.tasks.get(call.task)?.definition.own ?? {}
      return toMessage(toCall(call, own, fromWire), { conf, clock, router, tasks }, broker, undefined)
    },
    priorityToWire: priorityToWire(capabilities),
    isInline: (task) => app.tasks.get(task)?.options.errback === 'inline',
    ignoresResult: (task) => app.tasks.get(task)?.options.ignoreResult === true,
    now: () => app.clock.now(),
    resultExpires: app.conf.resultExpires,
    storesResults: results !== undefined,
    requireJoins: () => {
      if (results && !results.joins) throw noChords(results.kind)
    },
    once: capabilities.once,
  }
}
