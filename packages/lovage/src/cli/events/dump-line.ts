import type { Event } from '../../events/index.js'
import { reprValue } from '../../message/index.js'
import { safe } from './screen-text.js'

/** The most tasks whose names are remembered between their events. */
const NAMES = 4095
/** Characters of one field. */
const MAX_FIELD = 100_000

const HUMAN: ReadonlyMap<string, string> = new Map([
  ['worker-offline', 'shutdown'],
  ['worker-online', 'started'],
  ['worker-heartbeat', 'heartbeat'],
])

/** Writes events as `celery events --dump` does, one per line: node, time (UTC), subject, and the fields by name. */
export class EventDump {
  readonly #names = new Map<string, string>()

  line({ type, hostname, timestamp, ...fields }: Event, receivedMs: number): string {
    const kind = type.toLowerCase()
    const rest: Record<string, unknown> = { ...fields, local_received: receivedMs / 1000 }
    const task = kind.startsWith('task-') ? `${this.#task(kind, rest)} ` : ''
    const said = Object.keys(rest)
      .sort()
      .map((name) => `${name}=${shown(rest[name])}`)
      .join(', ')
    const what = HUMAN.get(kind) ?? kind.replaceAll('-', ' ')
    return safe(`${hostname} [${utc(timestamp)}] ${what}${said === '' ? '' : ':'} ${task}${said}`)
  }

  /** The subject of an event; removes its fields from `rest`. */
  #task(kind: string, rest: Record<string, unknown>): string {
    const id = shown(rest.uuid)
    delete rest.uuid
    if (kind !== 'task-received' && kind !== 'task-sent') return this.#names.get(id) ?? ''
    const task = `${shown(rest.name)}(${id}) args=${shown(rest.args)} kwargs=${shown(rest.kwargs)}`
    for (const name of ['name', 'args', 'kwargs']) delete rest[name]
    this.#names.delete(id)
    this.#names.set(id, task)
    if (this.#names.size > NAMES) {
      const [oldest = ''] = this.#names.keys()
      this.#names.delete(oldest)
    }
    return task
  }
}

/** As Python's `str()`. */
const shown = (value: unknown): string => (typeof value === 'string' ? value : reprValue(value, MAX_FIELD))

/** As Python shows a datetime: with microseconds unless they are zero. */
function utc(seconds: number): string {
  const whole = Math.floor(seconds)
  const micros = Math.round((seconds - whole) * 1e6)
  const date = new Date((micros === 1e6 ? whole + 1 : whole) * 1000)
  if (Number.isNaN(date.getTime())) return String(seconds)
  const text = date.toISOString().slice(0, 19).replace('T', ' ')
  return micros % 1e6 === 0 ? text : `${text}.${String(micros).padStart(6, '0')}`
}
