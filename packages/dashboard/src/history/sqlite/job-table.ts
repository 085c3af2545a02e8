import { interrupted, type JobLine, jobOf } from '../job-line.js'
import type { HistoryFile } from './database.js'

/** Bulk jobs, so that one whose dashboard died is not gone. */
export class JobTable {
  readonly #file: HistoryFile

  constructor(file: HistoryFile) {
    this.#file = file
  }

  put(job: JobLine, seenMs: number): void {
    this.#file
      .prepare('REPLACE INTO job (id, started_ms, seen_ms, is_running, line) VALUES (?, ?, ?, ?, ?)')
      .run([job.id, job.startedMs, seenMs, job.state === 'running' ? 1 : 0, JSON.stringify(job)])
  }

  list(limit: number): JobLine[] {
    return this.#file
      .prepare('SELECT line FROM job ORDER BY started_ms DESC, id LIMIT ?')
      .all<[string]>([limit])
      .map(([line]) => jobOf(line))
  }

  /** Marks running jobs that were not seen since then, and returns them. In a transaction. */
  interrupt(seenBeforeMs: number): JobLine[] {
    const lost = this.lost(seenBeforeMs)
    for (const job of lost) this.put(job, job.endedMs ?? 0)
    return lost
  }

  /** Running jobs that were not seen since then, as they will be marked. */
  lost(seenBeforeMs: number): JobLine[] {
    return this.#file
      .prepare('SELECT line, seen_ms FROM job WHERE is_running = 1 AND seen_ms < ?')
      .all<[string, number]>([seenBeforeMs])
      .map(([line, seenMs]) => interrupted(jobOf(line), seenMs))
  }

  prune(beforeMs: number): void {
    this.#file.prepare('DELETE FROM job WHERE is_running = 0 AND started_ms < ?').run([beforeMs])
  }
}
