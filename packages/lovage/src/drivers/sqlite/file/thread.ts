import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { createLogger, type Logger } from '../../../kernel/index.js'
import { migrate, type OpenConnection, openConnection } from './connection.js'
import type { Host, Program, ProgramHandlers } from './program.js'
import type { Call, Report, Request, ThreadData } from './protocol.js'
import { isStoreOutage, sqliteCode, storeError, toWire } from './store-errors.js'
import { Transactions, type Unit } from './transactions.js'
import { Watch } from './watch.js'

/** The thread that owns the connection: nothing else in the process touches the file. */
const port = parentPort
if (!port) throw new Error('drivers/sqlite/file/thread is started by openSqliteFile')
const data: ThreadData = workerData
const pulse = new BigInt64Array(data.pulse)
let logger: Logger | undefined

const programs = new Map<string, ProgramHandlers>()
const connection = await openPatiently()
let touched = new Set<string>()
let actions: (() => void)[] = []
let replies: [number, unknown][] = []
let errors: [number, ReturnType<typeof toWire>][] = []
let events: [string, unknown][] = []

const transactions = new Transactions(connection, data.lockTimeoutMs, {
  committed() {
    const topics = [...touched]
    const after = actions
    touched = new Set()
    actions = []
    for (const action of after) action()
    if (topics.length > 0) watch.announce(topics)
    report(topics)
  },
  rolledBack() {
    touched.clear()
    actions = []
  },
  answered: () => report([]),
})
await transact(() => migrate(connection, Watch.program, data.path)).catch(refuseToOpen)
const watch = new Watch(connection, data.path, transact, (topics) => report(topics))

port.on('message', (request: Request) => {
  handle(request)
  // Everything that has arrived in the meantime shares the transaction.
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) handle(next.message)
  transactions.flush()
  report([])
})
report([])
port.postMessage({ replies: [[0, undefined]] } satisfies Report)

function handle(request: Request): void {
  switch (request.kind) {
    case 'calls':
      transactions.add(...request.calls.map(unitOf))
      break
    case 'load':
      answer(request.id, load(request.url))
      break
    case 'synchronous':
      connection.exec(`PRAGMA synchronous = ${request.level}`)
      answer(request.id, Promise.resolve())
      break
    case 'watch':
      watch.turn(request.on)
      break
    case 'close':
      answer(request.id, close())
  }
}

function unitOf([id, program, procedure, argument]: Call): Unit {
  const handlers = programs.get(program)
  const write = handlers?.writes[procedure]
  // Main and thread are compiled against the same program type, so the argument is the procedure's own.
  const run = (write ?? handlers?.reads[procedure]) as ((argument: unknown) => unknown) | undefined
  return {
    writes: write !== undefined,
    run() {
      if (!run) throw new Error(`no procedure ${program}.${procedure}`)
      return run(argument)
    },
    done: (reply) => replies.push([id, reply]),
    failed: (error) => errors.push([id, toWire(storeError(error, data.path))]),
  }
}

function transact<Reply>(work: () => Reply): Promise<Reply> {
  return new Promise<Reply>((resolve, reject) => {
    transactions.add({
      writes: true,
      run: work,
      // `run` returned it.
      done: (reply) => resolve(reply as Reply),
      failed: (error) => reject(storeError(error, data.path)),
    })
    transactions.flush()
    report([])
  })
}

async function load(url: string): Promise<string> {
  // The loader's type parameter describes the module; callers check the names of procedures.
  const module = (await import(url)) as { default: Program }
  const program = module.default
  if (!programs.has(program.name)) {
    await transact(() => migrate(connection, program, data.path))
    programs.set(program.name, program.open(connection, hostOf(program.name)))
  }
  return program.name
}

function hostOf(program: string): Host {
  return {
    touch: (topic) => void touched.add(topic),
    use<Handlers extends ProgramHandlers>(used: Program<Handlers>): Handlers['writes'] {
      // A name belongs to one program only.
      const open = programs.get(used.name) as Handlers | undefined
      if (open) return open.writes
      migrate(connection, used, data.path)
      const handlers = used.open(connection, hostOf(used.name))
      // Its tables are visible to others only after this transaction.
      actions.push(() => {
        if (!programs.has(used.name)) programs.set(used.name, handlers)
      })
      return handlers.writes
    },
    afterCommit: (action) => void actions.push(action),
    transact,
    lastTurnMs: () => Number(Atomics.load(pulse, 0)),
    isOutage: isStoreOutage,
    get logger() {
      logger ??= createLogger({ name: 'lovage' })
      return logger
    },
    emit(event) {
      events.push([program, event])
      setImmediate(() => report([]))
    },
  }
}

async function close(): Promise<void> {
  try {
    for (const { close } of programs.values()) if (close) await transact(close)
    await watch.close()
    await transactions.idle()
  } finally {
    connection.close()
    setImmediate(() => port?.close())
  }
}

function answer(id: number, work: Promise<unknown>): void {
  work.then(
    (reply) => {
      replies.push([id, reply])
      report([])
    },
    (error: unknown) => {
      errors.push([id, toWire(storeError(error, data.path))])
      report([])
    },
  )
}

/** Sends all pending events in one message. */
function report(changed: readonly string[]): void {
  if (replies.length + errors.length + events.length + changed.length === 0) return
  port?.postMessage({ replies, errors, events, changed } satisfies Report)
  replies = []
  errors = []
  events = []
}

/** Reports to the opener why the file cannot be used. Nothing may run after this: the loop is empty, so the thread ends. */
function refuseToOpen(error: unknown): Promise<never> {
  port?.postMessage({ errors: [[0, toWire(storeError(error, data.path))]] } satisfies Report)
  port?.close()
  return new Promise<never>(() => {})
}

/** Two processes that create the file at once lock each other out for a moment, and the library does not wait for that. */
async function openPatiently(): Promise<OpenConnection> {
  const untilMs = performance.now() + data.lockTimeoutMs
  for (;;) {
    try {
      return openConnection(data.path, data.synchronous, data.exitGate)
    } catch (error) {
      if (!sqliteCode(error).startsWith('SQLITE_BUSY') || performance.now() > untilMs) {
        return await refuseToOpen(error)
      }
      await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 9))
    }
  }
}
