import { isMainThread } from 'node:worker_threads'
import { messageOf, setDefaultLogger } from '../../../kernel/index.js'
import { loadSource } from '../../../loader/index.js'
import { letYoungHeapGrow, workerTitle } from '../../../process/index.js'
import { addBuiltinTasks } from '../../builtin-tasks.js'
import { errorToWire } from '../wire/error-wire.js'
import type { ChildSetup } from '../wire/frames.js'
import { ChildWorker } from './child-worker.js'
import { openParentPort } from './port.js'
import { relayLogger } from './relay-logger.js'

const port = openParentPort()
let child: ChildWorker | undefined
let lastWords = (_error: unknown): void => {}

if (isMainThread) {
  // A signal to the whole group, Ctrl+C or `pkill`, is for the parent to obey; it informs its children.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const)
    process.on(signal, () => {})
}
process.on('uncaughtException', (error) => (child ? child.crash(error) : lastWords(error)))

port.listen(
  (frame) => {
    if (frame.kind === 'setup') void begin(frame.setup)
    else if (child) child.handle(frame)
    // Stopped before it had loaded the app.
    else if (frame.kind === 'stop') port.exit(0)
  },
  // The parent is gone; the running task returns to the queue by its lease, and must not continue.
  () => process.exit(1),
)

async function begin(setup: ChildSetup): Promise<void> {
  const { hostname, index, logLevel, source } = setup
  const logger = relayLogger((line) => port.send(line), logLevel)
  lastWords = (error) => {
    port.send({ kind: 'unfit', error: errorToWire(error) })
    port.exit(1)
  }
  if (isMainThread) process.title = workerTitle(`${hostname} child ${index}`)
  process.on('unhandledRejection', (error) =>
    logger.error({ err: error }, 'unhandled promise rejection; the child continues'),
  )
  setDefaultLogger(logger)
  try {
    const opened = await loadSource(source)
    if (!opened) throw new TypeError('the source names no app')
    const { core } = opened
    addBuiltinTasks(core)
    await core.signals.tell('workerProcessInit', { hostname })
    child = new ChildWorker(core, port, setup)
    letYoungHeapGrow()
    port.send({ kind: 'ready' })
  } catch (error) {
    logger.error({ err: error }, `a child could not load the app: ${messageOf(error)}`)
    lastWords(error)
  }
}
