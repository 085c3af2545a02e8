import { ConnectionError, type Unsubscribe } from '../../../kernel/index.js'
import { suitableFile } from './file-system.js'
import { FileThread } from './file-thread.js'
import type { Program, ProgramHandlers } from './program.js'
import { parseSqliteUrl } from './sqlite-url.js'

/** The argument and the reply of a procedure. */
type Argument<P> = P extends (argument: infer A) => unknown ? A : never
type Reply<P> = P extends (argument: never) => infer R ? R : never

/** All procedures of a program. */
type Both<Handlers extends ProgramHandlers> = Handlers['writes'] & Handlers['reads']

/** A loaded program, seen from outside the thread. */
export interface Procedures<Handlers extends ProgramHandlers> {
  /**
   * Calls a procedure. Calls of one turn of the event loop share one hop to the thread and one transaction.
   * Argument and reply are structured clones.
   *
   * @throws ConnectionError LVG_STORE_LOCKED, LVG_STORE_FULL, LVG_STORE_READ_ONLY, LVG_STORE_CORRUPT,
   * LVG_STORE_UNSUITABLE or LVG_CONNECTION_CLOSED; the call then had no effect.
   */
  call<Name extends keyof Both<Handlers> & string>(
    procedure: Name,
    argument: Argument<Both<Handlers>[Name]>,
  ): Promise<Reply<Both<Handlers>[Name]>>
  /** Like `call`, but the argument is made at the end of the turn, when all its contents are known. */
  callLater<Name extends keyof Both<Handlers> & string>(
    procedure: Name,
    argument: () => Argument<Both<Handlers>[Name]>,
  ): Promise<Reply<Both<Handlers>[Name]>>
}

/** A SQLite file, its only connection in this process and the thread that works on it. Callers close what they open. */
export interface SqliteFile {
  /** Real path; equal paths are the same file. */
  readonly path: string
  /**
   * Prepares a program's tables and procedures; loading it again costs nothing. `module` is where the
   * program is the default export: `new URL('./program.js', import.meta.url)`.
   */
  load<P extends Program>(
    module: URL,
    onEvent?: (event: unknown) => void,
  ): Promise<P extends Program<infer Handlers> ? Procedures<Handlers> : never>
  /** Calls `on` soon after data under `topic` was, or may have been, changed by this or another process. */
  watch(topic: string, on: () => void): Unsubscribe
  /** While it is held the process stays alive; without a hold or a running call the thread does not keep it alive. */
  hold(): Unsubscribe
  /** Releases this opening; with the last one the connection is closed. */
  close(): Promise<void>
}

/** One thread for each file of the process, with the number of its openings. */
const threads = new Map<string, { readonly thread: FileThread; openings: number }>()

/**
 * Opens the file that a `sqlite://` URL names, creating it when it is missing. Within a process all openings of
 * a file share one thread and one connection, so that broker, results and coordination can share transactions.
 * With `isolated` it gets a thread of its own, as if it were another process.
 *
 * @throws ConfigurationError for an invalid URL; ConnectionError LVG_STORE_… when the file cannot be used.
 */
export async function openSqliteFile(
  url: string,
  options: { readonly isolated?: boolean } = {},
): Promise<SqliteFile> {
  const wanted = parseSqliteUrl(url)
  const path = await suitableFile(wanted.path)
  let entry = options.isolated ? undefined : threads.get(path)
  if (!entry) {
    entry = { thread: new FileThread({ ...wanted, path }), openings: 0 }
    if (!options.isolated) threads.set(path, entry)
  }
  const { thread } = entry
  entry.openings++
  const release = async (): Promise<void> => {
    if (--entry.openings > 0) return
    if (threads.get(path) === entry) threads.delete(path)
    await thread.close()
  }
  try {
    await thread.opened
    // The stricter opening applies to all.
    if (wanted.synchronous === 'full') await thread.makeSynchronous('full')
  } catch (error) {
    await release()
    throw error
  }
  return openingOf(path, thread, release)
}

function openingOf(path: string, thread: FileThread, release: () => Promise<void>): SqliteFile {
  let closing: Promise<void> | undefined
  const endings = new Set<Unsubscribe>()
  const ended = (): ConnectionError =>
    new ConnectionError(`${path} was closed`, { code: 'LVG_CONNECTION_CLOSED', details: { path } })
  const untilClose = (end: Unsubscribe): Unsubscribe => {
    const once = (): void => {
      if (endings.delete(once)) end()
    }
    endings.add(once)
    return once
  }
  return {
    path,
    async load<P extends Program>(module: URL, onEvent?: (event: unknown) => void) {
      const program = await thread.load(module)
      if (onEvent) untilClose(thread.onEvent(program, onEvent))
      const procedures: Procedures<ProgramHandlers> = {
        call: (procedure, argument) =>
          closing ? Promise.reject(ended()) : thread.call(program, procedure, () => argument),
        callLater: (procedure, argument) =>
          closing ? Promise.reject(ended()) : thread.call(program, procedure, argument),
      }
      // The type parameter names the program at `module`; nothing can check that at run time.
      return procedures as P extends Program<infer Handlers> ? Procedures<Handlers> : never
    },
    watch: (topic, on) => untilClose(thread.watch(topic, on)),
    hold: () => untilClose(thread.hold()),
    close() {
      closing ??= (async () => {
        for (const end of endings) end()
        await release()
      })()
      return closing
    },
  }
}
