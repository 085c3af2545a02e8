import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigurationError } from '../kernel/index.js'

/**
 * Writes this process's id into a file that does not exist yet, or that a process left behind which is gone. Returns what
 * removes the file.
 *
 * @throws {ConfigurationError} LVG_ALREADY_RUNNING when the process in the file lives.
 */
export function takePidFile(path: string): () => void {
  for (;;) {
    try {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx' })
      return () => release(path)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
        throw unwritable(path, error)
    }
    const pid = pidIn(path)
    if (pid !== undefined && pid !== process.pid && isOurs(pid)) {
      throw new ConfigurationError(`${path} says that process ${pid} runs already.`, {
        code: 'LVG_ALREADY_RUNNING',
        details: { path, pid },
      })
    }
    // Left behind by a process that is gone. Should another take its place now, the next round finds that one's id.
    release(path, true)
  }
}

/** The process that a pid file names, if it lives and is one of ours: a number outlives its process, and comes to name another. */
export function runningPid(path: string): number | undefined {
  const pid = pidIn(path)
  return pid !== undefined && isOurs(pid) ? pid : undefined
}

/** Removes the file of a process that is gone. */
export function forgetPidFile(path: string): void {
  if (runningPid(path) === undefined) release(path, true)
}

function release(path: string, isStale = false): void {
  try {
    if (isStale || pidIn(path) === process.pid) unlinkSync(path)
  } catch {
    // Somebody removed it first, which is what was wanted.
  }
}

/** undefined = not there, or no number in it. */
function pidIn(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Whether a process of this id lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It lives, and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Whether a living process is a node of ours, as far as its command line tells. Process 1 is never taken for one. */
function isOurs(pid: number): boolean {
  if (pid === 1 || !isAlive(pid)) return false
  const command = commandOf(pid)
  return command === undefined || /lovage|celery/.test(command)
}

/** undefined = the system does not say. */
function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    const { stdout, status } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
    return status === 0 ? stdout : undefined
  }
}

function unwritable(path: string, cause: unknown): ConfigurationError {
  return new ConfigurationError(
    `${path} cannot be written: ${cause instanceof Error ? cause.message : cause}`,
    {
      code: 'LVG_CONFIG_INVALID',
      cause,
    },
  )
}
