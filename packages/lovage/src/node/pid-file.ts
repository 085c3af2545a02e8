import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigurationError } from '../kernel/index.js'

/**
 * Writes this process's id into a new file, or over one left behind by a dead process. Returns a function that removes the file.
 *
 * @throws {ConfigurationError} LVG_ALREADY_RUNNING when the process in the file is alive.
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
      throw new ConfigurationError(`${path} says that process ${pid} is already running.`, {
        code: 'LVG_ALREADY_RUNNING',
        details: { path, pid },
      })
    }
    // Left behind by a dead process. If another process takes its place now, the next round finds that id.
    release(path, true)
  }
}

/** The process in a pid file, if it is alive and one of ours: a pid outlives its process, and is reused by another. */
export function runningPid(path: string): number | undefined {
  const pid = pidIn(path)
  return pid !== undefined && isOurs(pid) ? pid : undefined
}

/** Removes the file of a dead process. */
export function forgetPidFile(path: string): void {
  if (runningPid(path) === undefined) release(path, true)
}

function release(path: string, isStale = false): void {
  try {
    if (isStale || pidIn(path) === process.pid) unlinkSync(path)
  } catch {
    // Another process removed it first, which is fine.
  }
}

/** undefined = missing, or not a number. */
function pidIn(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Whether a process with this id is alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is alive, and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Whether a live process is one of our nodes, judging by its command line. Process 1 never is. */
function isOurs(pid: number): boolean {
  if (pid === 1 || !isAlive(pid)) return false
  const command = commandOf(pid)
  return command === undefined || /lovage|celery/.test(command)
}

/** undefined = unknown on this system. */
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
