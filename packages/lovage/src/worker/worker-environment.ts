import type { AppCore } from '../app/core/index.js'
import type { ResultBackend } from '../result/index.js'
import { addToChord } from './join-settler.js'
import type { WorkerPool } from './pools/pool.js'
import type { StartedTracker } from './started-tracker.js'
import { stepMarks } from './step-marks.js'
import { storeOwnState } from './task-states.js'
import type { WorkerEnvironment } from './worker-core.js'

/** A worker's services for the tasks that it runs. */
export function workerEnvironment(
  app: AppCore,
  worker: {
    readonly hostname: string
    readonly pool: Pick<WorkerPool, 'slots'>
    /** undefined = results are not kept. */
    readonly results: ResultBackend | undefined
    /** undefined = STARTED is not shown. */
    readonly started: StartedTracker | undefined
  },
): WorkerEnvironment {
  const { hostname, pool, results, started } = worker
  const extendedBy = app.conf.resultExtended ? hostname : undefined
  return {
    logger: app.logger,
    hostname,
    isEager: false,
    errors: app.errors,
    slots: () => pool.slots,
    updateState: (context, state, meta) => {
      if (state === 'PROGRESS') app.signals.emit('taskProgress', { context, meta })
      return storeOwnState(context, state, meta, { results, started, extendedBy })
    },
    sendEvent: (context, type, fields) => app.signals.emit('taskEvent', { context, type, fields }),
    addToChord: (context, canvas, place) => addToChord(app, context, canvas, place),
    ...(results ? { results: async () => results } : {}),
    steps: stepMarks(app),
  }
}
