import type { Logger } from '../../kernel/index.js'
import { EXIT_RESTART, RESTARTED, Supervisor, supervisedPlace } from '../../node/index.js'

/** What later versions of Node have. */
type Replace = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never

/** The command line of this process, after `node`. */
export const ownArgv = (): readonly string[] => [...process.execArgv, ...process.argv.slice(1)]

/**
 * Starts this program anew with the same arguments, under the same process id, so that pid files and supervisors stay right. Where Node
 * cannot replace a process (before 22.15) this one stays as a supervisor of the new one.
 */
export async function restartSelf(logger: Logger, patienceMs: number): Promise<number> {
  // Whoever supervises this process starts it again.
  if (supervisedPlace()) return EXIT_RESTART
  logger.warn({ pid: process.pid }, 'starting again with the same arguments')
  // The property is absent from the types, which are those of Node 20, and there from the object.
  const replace = (process as { execve?: Replace }).execve
  const env = { ...process.env, [RESTARTED]: '1' }
  if (replace) replace(process.execPath, [process.execPath, ...ownArgv()], env)
  process.env[RESTARTED] = '1'
  return new Supervisor({ count: 1, argv: ownArgv(), logger, patienceMs }).run()
}
