import type { SeenTask, SeenWorker } from '../../cluster/index.js'
import { toWidth } from './screen-text.js'

const COLOURS: Readonly<Record<string, string>> = {
  SUCCESS: '\x1b[32m',
  FAILURE: '\x1b[31m',
  STARTED: '\x1b[36m',
  PROGRESS: '\x1b[36m',
  RETRY: '\x1b[33m',
  REVOKED: '\x1b[35m',
  REJECTED: '\x1b[35m',
}
const colour = (text: string, state: string): string =>
  COLOURS[state] ? `${COLOURS[state]}${text}\x1b[39m` : text

/** A row of the task list; without a task, its header. Names get the remaining width. */
export function taskRow(task: SeenTask | undefined, columns: number): string {
  const room = Math.max(0, columns - 9 - 13 - 4)
  const id = Math.min(36, Math.floor(room * 0.36))
  const worker = Math.min(30, Math.floor(room * 0.26))
  const name = room - id - worker
  const cells = task
    ? [task.id, task.name ?? '?', task.worker ?? task.client ?? '', clockTime(task.changedMs)]
    : ['UUID', 'TASK', 'WORKER', 'TIME']
  const [first = '', second = '', third = '', fourth = ''] = cells
  const percent = task?.state === 'PROGRESS' && task.percent !== undefined ? ` ${task.percent}%` : ''
  const state = toWidth(task ? `${task.state}${percent}` : 'STATE', 13)
  const row = [toWidth(first, id), toWidth(second, name), toWidth(third, worker), toWidth(fourth, 9)].join(
    ' ',
  )
  return `${row} ${task ? colour(state, task.state) : state}`
}

/** A row of the worker list; without a worker, its header. */
export function workerRow(worker: SeenWorker | undefined, columns: number, nowMs: number): string {
  const name = Math.max(8, columns - 8 - 8 - 11 - 9 - 18 - 5)
  const cells = worker
    ? [
        worker.hostname,
        worker.isAlive ? 'alive' : 'gone',
        String(worker.active),
        String(worker.processed),
        `${Math.max(0, Math.round((nowMs - worker.seenMs) / 1000))} s ago`,
        worker.software,
      ]
    : ['WORKER', 'STATE', 'ACTIVE', 'PROCESSED', 'SEEN', 'SOFTWARE']
  const widths = [name, 8, 8, 11, 9, 18]
  return toWidth(cells.map((cell, place) => toWidth(cell, widths[place] ?? 0)).join(' '), columns)
}

/** Everything known about a task. */
export function describeTask(task: SeenTask): string {
  const { times, traceback: _traceback, changedMs: _changedMs, ...facts } = task
  const said = Object.entries(facts).filter(([, value]) => value !== undefined)
  return [
    ...said.map(([name, value]) => `${`${name}:`.padEnd(12)}${String(value)}`),
    '',
    ...Object.entries(times).map(([kind, ms]) => `${`${kind}:`.padEnd(12)}${isoTime(ms)}`),
  ].join('\n')
}

/** Everything that a worker's events reported. */
export function describeWorker(worker: SeenWorker, nowMs: number): string {
  const { isAlive, seenMs, loadavg, ...facts } = worker
  return [
    `${'state:'.padEnd(12)}${isAlive ? 'alive' : 'gone'}, last seen ${Math.round((nowMs - seenMs) / 1000)} s ago`,
    ...Object.entries(facts).map(([name, value]) => `${`${name}:`.padEnd(12)}${String(value ?? '?')}`),
    `${'loadavg:'.padEnd(12)}${loadavg.join(' ')}`,
  ].join('\n')
}

const clockTime = (ms: number): string => isoTime(ms).slice(11, 19)

function isoTime(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? '?' : date.toISOString()
}
