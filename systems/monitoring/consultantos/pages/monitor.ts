import { together } from 'lovage'
import type { Sql } from 'lovage-systems-kit'
import { data } from '../data.js'
import { Unfit } from './fetch-page.js'

/** A page that is looked at again and again. */
export interface Monitor {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly every_s: number
  /** Whom alerts go to: `mail:ADDRESS`, `slack:URL`, `webhook:URL`. */
  readonly channels: readonly string[]
}

/** A monitor whose time has come. */
export interface Due {
  readonly id: string
  readonly every_s: number
  readonly next_due_ms: number
}

const CHANNEL = /^(mail:\S+@\S+|slack:https?:\/\/\S+|webhook:https?:\/\/\S+)$/

/**
 * Adds a monitor, first due at once.
 * @throws {Unfit} when its address or a channel is none.
 */
export async function addMonitor(
  db: Sql,
  { id, name, url, every_s, channels }: Monitor,
  nowMs: number,
): Promise<void> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new Unfit(`${JSON.stringify(url)} is not the URL of a page.`)
  if (every_s < 1) throw new Unfit('A page can be checked at most once a second.')
  const wrong = channels.find((channel) => !CHANNEL.test(channel))
  if (wrong !== undefined)
    throw new Unfit(`${JSON.stringify(wrong)} is not a channel: mail:ADDRESS, slack:URL or webhook:URL.`)
  await db.query(
    `INSERT INTO monitors (id, name, url, every_s, channels, next_due_ms, enabled) VALUES ($1, $2, $3, $4, $5, $6, 1)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, url = excluded.url, every_s = excluded.every_s, channels = excluded.channels`,
    [id, name, url, every_s, JSON.stringify(channels), nowMs],
  )
}

/** @throws {Unfit} when there is none. */
export async function monitorOf(id: string): Promise<Monitor> {
  const monitor = await find(id)
  if (!monitor) throw new Unfit(`There is no monitor ${id}.`)
  return monitor
}

/** A thousand may be due in the same second: those that are looked for at the same time are one query. */
const find = together(
  async (ids: readonly string[]): Promise<readonly (Monitor | undefined)[]> => {
    const db = await data()
    const places = ids.map((_, index) => `$${index + 1}`).join(', ')
    const rows = await db.query(
      `SELECT id, name, url, every_s, channels FROM monitors WHERE id IN (${places})`,
      ids,
    )
    const found = new Map(
      rows.map(({ id, name, url, every_s, channels }) => {
        const monitor: Monitor = {
          id: String(id),
          name: String(name),
          url: String(url),
          every_s: Number(every_s),
          // Written by addMonitor, which checked it.
          channels: JSON.parse(String(channels)) as string[],
        }
        return [monitor.id, monitor]
      }),
    )
    return ids.map((id) => found.get(id))
  },
  { retryAlone: true },
)

/** Those whose time has come, the longest waiting first. */
export async function dueMonitors(db: Sql, nowMs: number): Promise<readonly Due[]> {
  const rows = await db.query(
    'SELECT id, every_s, next_due_ms FROM monitors WHERE enabled = 1 AND next_due_ms <= $1 ORDER BY next_due_ms, id LIMIT 10000',
    [nowMs],
  )
  return rows.map(({ id, every_s, next_due_ms }) => ({
    id: String(id),
    every_s: Number(every_s),
    next_due_ms: Number(next_due_ms),
  }))
}

/** One statement takes so many. */
const AT_ONCE = 1000

/** Notes when those that were sent are due next: in their rhythm, and once for all that was missed. Noted again, nothing changes. */
export async function noteSent(db: Sql, due: readonly Due[], nowMs: number): Promise<void> {
  for (let at = 0; at < due.length; at += AT_ONCE) {
    const ids = due.slice(at, at + AT_ONCE).map(({ id }) => id)
    const places = ids.map((_, index) => `$${index + 2}`).join(', ')
    await db.query(
      `UPDATE monitors SET next_due_ms = next_due_ms + every_s * 1000 * (1 + ($1 - next_due_ms) / (every_s * 1000))
       WHERE next_due_ms <= $1 AND id IN (${places})`,
      [nowMs, ...ids],
    )
  }
}
