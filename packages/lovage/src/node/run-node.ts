import type { AppCore } from '../app/core/index.js'
import { renewLines } from '../app/fleet/index.js'
import { type OpenBeat, openBeat, type ScheduleLocation } from '../beat/index.js'
import type { Broker } from '../broker/index.js'
import { counted, holdProcess } from '../kernel/index.js'
import type { ResultBackend } from '../result/index.js'
import type { BootStep, StopKind, Worker } from '../worker/index.js'
import { connectAtStart } from './connect-at-start.js'
import { DeadHoldersStep } from './dead-holders.js'
import { dumpOnSignal } from './dump.js'
import { type ExitOptions, ExitRules } from './exit-rules.js'
import { onShutdownSignal } from './shutdown-signals.js'
import { startWarnings } from './start-warnings.js'
import { type StartOptions, startWorker } from './start-worker.js'
import { sendBeats } from './watchdog.js'

/** Facts about a node once it is connected and before it consumes. */
export interface NodeFacts {
  readonly hostname: string
  readonly broker: Broker
  /** undefined = results are not stored. */
  readonly results: ResultBackend | undefined
  readonly queues: readonly string[]
}

/** The options of a node. */
export interface NodeOptions extends StartOptions, ExitOptions {
  readonly hostname: string
  readonly queues: readonly string[]
  /** Also runs a beat, in turns with all other beats of the app. */
  readonly beat?: ScheduleLocation
  /** Whether to purge the queues first. */
  readonly purge?: boolean
  /** Called once connected; time for a banner. */
  readonly onConnected?: (facts: NodeFacts) => void
  /** Consuming. */
  readonly onReady?: (worker: Worker) => void
}

/** How a node stopped. */
export type NodeEnd = 'warm' | 'soft' | 'cold' | 'restart'

/**
 * Runs one node: connects, logs warnings, starts a worker, and runs until a signal stops it.
 *
 * Resolves to how it stopped: a cold stop is not a success, and after `restart` (HUP) the process must start again.
 */
export async function runNode(app: AppCore, options: NodeOptions): Promise<NodeEnd> {
  const { logger } = app
  const ending = new AbortController()
  let worker: Worker | undefined
  let beat: OpenBeat | undefined
  let asked: StopKind | 'drain' | undefined
  let rules: ExitRules | undefined
  let isRestart = false
  const { workerShutdownTimeout, workerSoftShutdownTimeout } = app.conf
  const offSignals = onShutdownSignal(
    logger,
    (how, signal) => {
      // Held messages return when their leases expire.
      if (how === 'now') process.exit(1)
      asked = how
      logger.warn(
        { signal, running: worker?.active.length ?? 0 },
        describeStop(how, worker, how === 'soft' ? workerSoftShutdownTimeout : workerShutdownTimeout),
      )
      ending.abort()
      // The first call stops the worker; later ones make it a harder stop.
      void worker?.stop(how, signal)
      // Another beat must take the lead at once, however long the tasks here keep running.
      void beat?.close()
    },
    {
      hasSoft: workerSoftShutdownTimeout > 0,
      onRestart() {
        isRestart = true
      },
    },
  )
  const offDump = dumpOnSignal(app, () => worker)
  const offBeats = sendBeats(app)
  // Tasks and handlers share one process: an unhandled rejection in one must not end the others.
  const onRejection = (error: unknown): void =>
    logger.error({ err: error }, 'unhandled promise rejection; the worker continues')
  process.on('unhandledRejection', onRejection)
  const onCrash = (error: unknown): void =>
    logger.error({ err: error }, 'uncaught exception; running tasks return when their leases expire')
  process.on('uncaughtExceptionMonitor', onCrash)
  // With an in-process broker, nothing else keeps a worker's process alive.
  const release = holdProcess()
  try {
    const steps = [new DeadHoldersStep(logger), ...(options.steps ?? [])]
    if (options.beat) {
      const onOpen = (opened: OpenBeat): void => {
        beat = opened
      }
      steps.push(beatStep(app, options.beat, onOpen, ending.signal))
    }
    worker = await start(app, { ...options, steps }, ending.signal)
    if (asked === undefined) {
      options.onReady?.(worker)
      rules = new ExitRules(app, worker, options, (reason) => {
        if (ending.signal.aborted) return
        asked = 'drain'
        const running = worker?.active.length ?? 0
        const rest = running === 0 ? '' : `; ${counted(running, 'running task')} may finish`
        logger.warn({ running }, `the worker ends: ${reason}${rest}`)
        ending.abort()
        void beat?.close()
      })
      await new Promise((resolve) => ending.signal.addEventListener('abort', resolve, { once: true }))
    }
    await worker.stop(asked ?? 'warm')
    logger.info({ hostname: worker.hostname, processed: worker.processed }, `${worker.hostname} has stopped`)
  } catch (error) {
    if (!ending.signal.aborted || worker !== undefined) throw error
    logger.info({}, 'stopped before the broker answered')
  } finally {
    rules?.stop()
    release()
    await beat?.close()
    offSignals()
    offDump()
    offBeats()
    process.off('unhandledRejection', onRejection)
    process.off('uncaughtExceptionMonitor', onCrash)
    await app.close()
  }
  if (isRestart) return 'restart'
  return asked === undefined || asked === 'drain' ? 'warm' : asked
}

async function start(app: AppCore, options: NodeOptions, signal: AbortSignal): Promise<Worker> {
  const { logger } = app
  const { hostname, queues } = options
  const { broker, advice } = await connectAtStart(app, signal)
  const results = app.hasResults ? await app.results() : undefined
  options.onConnected?.({ hostname, broker, results, queues })
  for (const sentence of [...startWarnings(app, broker, queues), ...advice]) logger.warn({}, sentence)
  if (options.purge) await purge(app, broker, queues)
  // As with TERM: the process has a single way to stop.
  const onShutdown = (): void => void process.kill(process.pid, 'SIGTERM')
  const worker = await startWorker(app, { ...options, onShutdown })
  logger.info({ hostname, queues }, `${hostname} ready`)
  return worker
}

/** Starts a beat with its worker, unless that is stopping already; the receiver stops it. */
function beatStep(
  app: AppCore,
  location: ScheduleLocation,
  onOpen: (beat: OpenBeat) => void,
  ending: AbortSignal,
): BootStep {
  return {
    name: 'beat',
    async start({ hostname }) {
      const opened = await openBeat(app, location)
      onOpen(opened)
      await app.signals.tell('beatInit', { hostname })
      await app.signals.tell('beatEmbeddedInit', { hostname })
      if (!ending.aborted) void opened.beat.run()
    },
  }
}

async function purge(app: AppCore, broker: Broker, queues: readonly string[]): Promise<void> {
  let removed = 0
  for (const queue of queues) removed += await broker.purge(queue)
  await renewLines(app)
  app.logger.warn({ queues, removed }, `purged ${counted(removed, 'message')} at startup`)
}

function describeStop(how: StopKind, worker: Worker | undefined, limitS: number): string {
  const running = worker?.active.length ?? 0
  if (how === 'cold')
    return `cold shutdown: ${counted(running, 'running task returns to its queue', 'running tasks return to their queues')}`
  if (running === 0) return `${how} shutdown`
  return `${how} shutdown: waiting for ${counted(running, 'running task')}, at most ${limitS} s; press Ctrl+C again, or send SIGQUIT, to hand ${running === 1 ? 'it' : 'them'} back at once`
}
