import type { AuditEntry, AuditQuery, NewAuditEntry } from '../audit-entry.js'
import type { Gap } from '../gap.js'
import type { Retention } from '../history-store.js'
import type { RollupChange, SeriesPoint, SeriesQuery } from '../rollup.js'
import type { HistoryFile, Statement } from './database.js'

const HOUR_MS = 3_600_000

/** Counts, gaps, the audit log and single facts. */
export class SmallTables {
  readonly #file: HistoryFile
  readonly #count: Statement
  readonly #series: Statement
  readonly #putGap: Statement
  readonly #gaps: Statement
  readonly #audit: Statement
  readonly #putFact: Statement
  readonly #fact: Statement
  readonly #ended: Statement

  constructor(file: HistoryFile) {
    this.#file = file
    this.#count = file.prepare(
      `INSERT INTO rollup (step, ms, name, kind, count, runtime_ms, max_runtime_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET count = count + excluded.count, runtime_ms = runtime_ms + excluded.runtime_ms,
         max_runtime_ms = max(max_runtime_ms, excluded.max_runtime_ms)`,
    )
    this.#series = file.prepare(
      `SELECT ms, name, kind, count, runtime_ms, max_runtime_ms FROM rollup
       WHERE step = ? AND ms >= ? AND ms < ? AND name >= ? AND name <= ? ORDER BY ms`,
    )
    this.#putGap = file.prepare(
      'REPLACE INTO gap (from_ms, reason, to_ms, lost_events, filled) VALUES (?, ?, ?, ?, ?)',
    )
    this.#gaps = file.prepare(
      'SELECT from_ms, reason, to_ms, lost_events, filled FROM gap ORDER BY from_ms DESC LIMIT ?',
    )
    this.#audit = file.prepare(
      'INSERT INTO audit (ms, person, role, action, target, count, outcome, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    )
    this.#putFact = file.prepare('REPLACE INTO fact (name, value) VALUES (?, ?)')
    this.#fact = file.prepare('SELECT value FROM fact WHERE name = ?')
    this.#ended = file.prepare('SELECT 1 FROM ended_session WHERE id = ?')
  }

  count(changes: readonly RollupChange[]): void {
    for (const { minuteMs, name, kind, count, runtimeMs, maxRuntimeMs } of changes) {
      const hourMs = minuteMs - (minuteMs % HOUR_MS)
      this.#count.run(['minute', minuteMs, name, kind, count, runtimeMs, maxRuntimeMs])
      this.#count.run(['hour', hourMs, name, kind, count, runtimeMs, maxRuntimeMs])
    }
  }

  series({ step, fromMs, toMs, name = '', each }: SeriesQuery): SeriesPoint[] {
    const [least, most] = each ? ['\u0001', '\u{10ffff}'] : [name, name]
    return this.#series
      .all<[number, string, string, number, number, number]>([step, fromMs, toMs, least, most])
      .map(([ms, task, kind, count, runtimeMs, maxRuntimeMs]) => ({
        ms,
        name: task,
        kind,
        count,
        runtimeMs,
        maxRuntimeMs,
      }))
  }

  putGap({ fromMs, reason, toMs, lostEvents, filled }: Gap): void {
    this.#putGap.run([fromMs, reason, toMs, lostEvents, filled])
  }

  gaps(limit: number): Gap[] {
    return this.#gaps
      .all<[number, Gap['reason'], number | null, number | null, number]>([limit])
      .map(([fromMs, reason, toMs, lostEvents, filled]) => ({ fromMs, reason, toMs, lostEvents, filled }))
  }

  audit(entries: readonly NewAuditEntry[]): void {
    for (const { ms, person, role, action, target, count, outcome, details } of entries)
      this.#audit.run([ms, person, role, action, target, count, outcome, details])
  }

  auditTrail({ before, limit, ...equal }: AuditQuery): AuditEntry[] {
    const conditions = [...(before === undefined ? [] : ['key < ?'])]
    const values: (string | number)[] = before === undefined ? [] : [before]
    for (const [column, value] of Object.entries(equal)) {
      if (value === undefined) continue
      conditions.push(`${column} = ?`)
      values.push(value)
    }
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
    type Row = [
      number,
      number,
      string,
      AuditEntry['role'],
      string,
      string,
      number | null,
      AuditEntry['outcome'],
      string,
    ]
    return this.#file
      .prepare(
        `SELECT key, ms, person, role, action, target, count, outcome, details FROM audit ${where} ORDER BY key DESC LIMIT ?`,
      )
      .all<Row>([...values, limit])
      .map(([key, ms, person, role, action, target, count, outcome, details]) => ({
        key,
        ms,
        person,
        role,
        action,
        target,
        count,
        outcome,
        details,
      }))
  }

  endSession(id: string, expiresMs: number): void {
    this.#file.prepare('REPLACE INTO ended_session (id, expires_ms) VALUES (?, ?)').run([id, expiresMs])
  }

  isSessionEnded(id: string): boolean {
    return this.#ended.one([id]) !== undefined
  }

  putFact(name: string, value: string): void {
    this.#putFact.run([name, value])
  }

  fact(name: string): string | undefined {
    return this.#fact.one<[string]>([name])?.[0]
  }

  prune({ minuteMs, hourMs, auditMs }: Retention, nowMs: number): void {
    const before = this.#file.prepare('DELETE FROM rollup WHERE step = ? AND ms < ?')
    before.run(['minute', nowMs - minuteMs])
    before.run(['hour', nowMs - hourMs])
    this.#file.prepare('DELETE FROM audit WHERE ms < ?').run([nowMs - auditMs])
    this.#file.prepare('DELETE FROM ended_session WHERE expires_ms < ?').run([nowMs])
    this.#file.prepare('DELETE FROM gap WHERE from_ms < ?').run([nowMs - hourMs])
  }
}
