import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigurationError } from '../../kernel/index.js'
import { fileNameFrom } from '../../node/index.js'
import { tellParent } from '../../process/index.js'

/** Set in the environment of the child, which has the same command line. */
const DETACHED = 'LOVAGE_DETACHED'
/** The message of a child to its parent once it has started. */
export const STARTED = 'lovage:started'

/** The command-line options that control detaching. */
interface DetachOptions {
  readonly detach?: boolean
  readonly logfile?: string
}

/** Whether this process must start another in the background, rather than being that process. */
export const isToDetach = (options: DetachOptions): boolean =>
  options.detach === true && process.env[DETACHED] === undefined

/** Whether this process was detached into the background, where it outlives its parent. */
export const isDetached = (): boolean => process.env[DETACHED] !== undefined

/**
 * Starts the same command in the background and waits until it is up: its configuration is valid and its app is loaded. Then prints its
 * process id, or its output on failure, and resolves to the exit code.
 */
export async function detach(options: DetachOptions, hostname: string): Promise<number> {
  if (options.logfile === undefined) {
    throw new ConfigurationError('A background process has no terminal: say where to log.', {
      code: 'LVG_USAGE',
      hint: 'Add --logfile %n.log; --pidfile %n.pid helps to stop it.',
    })
  }
  const logFile = fileNameFrom(options.logfile, hostname)
  mkdirSync(dirname(logFile), { recursive: true })
  // The app's own output goes to the log too.
  const log = openSync(logFile, 'a')
  const sizeBefore = fstatSync(log).size
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    env: { ...process.env, [DETACHED]: '1' },
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  const [said] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (said === STARTED) {
    child.disconnect()
    child.unref()
    console.log(`${hostname} is running as process ${child.pid}, logging to ${logFile}`)
    return 0
  }
  process.stderr.write(readFileSync(logFile).subarray(sizeBefore))
  // Without a code, a signal ended it.
  return typeof said === 'number' ? said : 1
}

/** In the child: reports that it has started. */
export function tellStarted(): void {
  tellParent(STARTED)
}
