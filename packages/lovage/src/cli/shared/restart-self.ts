import type { Logger } from '../../kernel/index.js'
import { EXIT_RESTART, RESTARTED, Supervisor, supervisedPlace } from '../../node/index.js'

/** `process.execve`, in later versions of Node. */
type Replace = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never

/** This process's command line after `node`. */
export const ownArgv = (): readonly string[] => [...process.execArgv, ...process.argv.slice(1)]

/**
 * Restarts this program with the same arguments, under the same process id, so that pid files and supervisors stay valid. Where Node
 * cannot replace a process (before 22.15), this one stays as the supervisor of the new one.
 */
export async function restartSelf(logger: Logger, patienceMs: number): Promise<number> {
  // This process's supervisor starts it again.
  if (supervisedPlace()) return EXIT_RESTART
  logger.warn({ pid: process.pid }, 'restarting with the same arguments')
  // The types are those of Node 20 and lack the property; on Node 20 it is also absent from the object.
  const replace = (process as { execve?: Replace }).execve
  const env = { ...process.env, [RESTARTED]: '1' }
  if (replace) replace(process.execPath, [process.execPath, ...ownArgv()], env)
  process.env[RESTARTED] = '1'
  return new Supervisor({ count: 1, argv: ownArgv(), logger, patienceMs }).run()
}
