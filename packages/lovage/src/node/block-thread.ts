// The thread of BlockWatch.
import { workerData } from 'node:worker_threads'
import type { Logger } from '../kernel/index.js'
import type { BlockThreadData, MainReport } from './block-report.js'
import { openLog } from './log-output.js'
import { lookAtMain } from './look-at-main.js'

const LOOK_EVERY_MS = 500
/** A block of the event loop this long is logged, regardless of limits. */
const WORTH_A_LINE_MS = 5000
/** Grace beyond a limit, so that a busy machine kills no process. */
const GRACE_MS = 2000
/** How long a blocked orphan may keep running. */
const ORPHAN_MS = 2000
const PATIENCE_MS = 1000

const { pulse, log, longestMs, shortestMs, supervisor } = workerData as BlockThreadData
const beat = new BigInt64Array(pulse)

let lookedMs = Date.now()
const firstLineMs = Math.min(WORTH_A_LINE_MS, shortestMs + GRACE_MS)
let nextLineMs = firstLineMs
/** The observed task, and how long the loop had been blocked when it was first seen. */
let seen: { readonly sight: MainReport; readonly sinceMs: number } | undefined
let logger: Logger | undefined

for (;;) {
  await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  const nowMs = Date.now()
  // This thread was suspended too: the machine slept, or the process was stopped. The loop gets time to turn.
  const wasAway = nowMs - lookedMs > 4 * LOOK_EVERY_MS
  lookedMs = nowMs
  if (!wasAway) await look(nowMs - Number(Atomics.load(beat, 0)))
}

async function look(blockedMs: number): Promise<void> {
  if (supervisor !== undefined && process.ppid !== supervisor && blockedMs > ORPHAN_MS)
    return end({ blockedMs }, 'the supervisor is gone, and a task blocks the event loop: this process exits')
  if (blockedMs < Math.min(nextLineMs, 2 * LOOK_EVERY_MS)) {
    seen = undefined
    nextLineMs = firstLineMs
    return
  }
  if (blockedMs >= nextLineMs) {
    nextLineMs = Math.max(WORTH_A_LINE_MS, 2 * blockedMs)
    await tell(blockedMs)
  }
  const limitMs = seen?.sight.task ? seen.sight.task.hardMs : longestMs
  const sinceMs = seen?.sinceMs ?? 0
  if (limitMs === undefined || blockedMs - sinceMs <= limitMs + GRACE_MS) return
  // This may be another task that started without the loop turning in between: it gets its own time.
  const sight = await lookAtMain(PATIENCE_MS)
  if (sight.task?.id !== seen?.sight.task?.id) {
    seen = { sight, sinceMs: blockedMs }
    return
  }
  const task = sight.task ? `${sight.task.name}[${sight.task.id}]` : 'a task'
  end(
    {
      blockedMs,
      ...(sight.task ? { task_id: sight.task.id, task_name: sight.task.name } : {}),
      stack: sight.stack,
    },
    `${task} blocks the event loop beyond its hard limit: this process exits, and its messages return when their leases expire`,
  )
}

/** Logs what blocks, and where. */
async function tell(blockedMs: number): Promise<void> {
  const sight = await lookAtMain(PATIENCE_MS)
  if (seen?.sight.task?.id !== sight.task?.id) seen = { sight, sinceMs: seen ? blockedMs : 0 }
  else seen ??= { sight, sinceMs: 0 }
  const { task, stack } = sight
  const where = stack.length === 0 ? 'in native code' : `there:\n    ${stack.join('\n    ')}`
  const who = task ? `${task.name}[${task.id}]` : 'Code outside tasks'
  const advice = task ? 'Run such tasks with -P prefork.' : ''
  const fields = { blocked_ms: blockedMs, ...(task ? { task_id: task.id, task_name: task.name } : {}), stack }
  ;(await output()).warn(
    fields,
    `${who} has blocked the event loop for ${(blockedMs / 1000).toFixed(1)} s, and all other tasks wait. ${advice} It is ${where}`,
  )
}

async function end(
  { blockedMs, ...fields }: { readonly blockedMs: number; readonly [more: string]: unknown },
  message: string,
): Promise<void> {
  ;(await output()).error({ blocked_ms: blockedMs, ...fields }, message)
  process.kill(process.pid, 'SIGKILL')
}

/** Standard error belongs to the main thread, which is blocked: the log writes to its file, or to descriptor 2, directly. */
async function output(): Promise<Logger> {
  logger ??= (await openLog(log)).logger
  return logger
}
