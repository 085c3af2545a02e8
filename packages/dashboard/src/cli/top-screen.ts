import type { Overview } from '../data/overview.js'
import type { PageData } from '../data/page-frame.js'
import type { WorkersPage } from '../data/workers-page.js'
import { counted } from '../values/counted.js'

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
const SPARKED = 40

/** Renders the terminal view of the overview and the workers, fitted to the given lines and columns. */
export function topScreen(
  overview: PageData<Overview>,
  workers: PageData<WorkersPage>,
  size: { readonly rows: number; readonly columns: number },
): readonly string[] {
  const { data, troubles } = overview
  const { queues, throughput } = data
  const last = throughput.at(-2) ?? throughput.at(-1)
  const lines = [
    `${overview.fleet}  ${new Date(overview.nowMs).toISOString().slice(0, 19)}Z  workers ${data.workers.alive} alive, ${data.workers.lost.length} lost, ${counted(data.workers.active, 'task runs', 'tasks run')}`,
    `queues ${queues.count}: ${queues.ready} ready, ${queues.delayed ?? '?'} delayed, ${queues.unacked ?? '?'} held, ${queues.dead} dead`,
    `last minute: ${last?.received ?? 0} received, ${last?.succeeded ?? 0} succeeded, ${last?.failed ?? 0} failed, ${last?.retried ?? 0} retried`,
    `succeeded ${spark(throughput.slice(-SPARKED).map((one) => one.succeeded))}  failed ${spark(throughput.slice(-SPARKED).map((one) => one.failed))}`,
    ...troubles.map(({ message, advice }) => `! ${message} ${advice}`),
    ...data.stuck.map(({ severity, message }) => `${severity === 'critical' ? '!!' : '! '} ${message}`),
    '',
    row(['QUEUE', 30], ['READY', 9], ['DELAYED', 9], ['HELD', 9], ['DEAD', 9], ['WORKERS', 9]),
    ...queues.top.map((queue) =>
      row(
        [queue.isPaused ? `${queue.name} (paused)` : queue.name, 30],
        [queue.ready, 9],
        [queue.delayed ?? '?', 9],
        [queue.unacked ?? '?', 9],
        [queue.dead, 9],
        [queue.consumers ?? '?', 9],
      ),
    ),
    '',
    row(['WORKER', 30], ['STATE', 9], ['RUNS', 9], ['DONE', 9], ['LOAD', 9]),
    ...workers.data.items.map((worker) =>
      row(
        [worker.hostname, 30],
        [worker.state, 9],
        [worker.active, 9],
        [worker.processed, 9],
        [worker.loadavg[0]?.toFixed(2) ?? '', 9],
      ),
    ),
    '',
    row(['TASK, LAST HOUR', 30], ['DONE', 9], ['FAILED', 9], ['MEAN s', 9]),
    ...data.names.map((one) =>
      row([one.name, 30], [one.succeeded, 9], [one.failed, 9], [one.meanRuntime?.toFixed(3) ?? '', 9]),
    ),
  ]
  return lines.slice(0, Math.max(1, size.rows - 1)).map((line) => clean(line).slice(0, size.columns))
}

/** A row with the first column left-aligned and numbers right-aligned. */
function row(...cells: readonly (readonly [value: string | number, width: number])[]): string {
  return cells
    .map(([value, width], place) => {
      const text = String(value)
      const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text
      return place === 0 ? cut.padEnd(width) : cut.padStart(width)
    })
    .join(' ')
}

/** A sparkline, scaled to the largest value. */
export function spark(values: readonly number[]): string {
  const most = Math.max(1, ...values)
  return values
    .map((value) => BARS[Math.min(BARS.length - 1, Math.round((value / most) * (BARS.length - 1)))])
    .join('')
}

/** Names are untrusted: terminal control characters are removed. */
const clean = (line: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed.
  line.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·')
