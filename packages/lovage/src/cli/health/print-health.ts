import type { AppCore } from '../../app/core/index.js'
import { getQueueHealth, type Health } from '../../health/index.js'
import { counted } from '../../kernel/index.js'
import { EXIT } from '../shared/exit-codes.js'
import { table } from '../shared/say.js'

/** Prints the health of the queues; resolves to the exit code. */
export async function printHealth(
  app: AppCore,
  names: readonly string[],
  { json }: { readonly json?: boolean },
): Promise<number> {
  const health = await getQueueHealth(app, names.length > 0 ? { queues: names } : {})
  const { status, reasons, queues, workers } = health
  if (json) console.log(JSON.stringify(health))
  else {
    console.log(`${status}, ${counted(workers.length, 'worker')}`)
    for (const reason of reasons) console.log(`  ${reason}`)
    if (queues.length > 0)
      console.log(
        `\n${table(
          ['queue', 'status', 'ready', 'oldest', 'delayed', 'unacked', 'dead', 'workers'],
          queues.map(({ name, status, ready, oldestSeconds, delayed, unacked, dead, workers }) => [
            name,
            status,
            ready,
            oldestSeconds === null ? '-' : `${oldestSeconds} s`,
            delayed ?? '-',
            unacked ?? '-',
            dead,
            workers.length,
          ]),
        )}`,
      )
    printEntries(health)
  }
  if (status === 'unknown') return EXIT.unavailable
  return status === 'critical' ? EXIT.failed : EXIT.ok
}

/** Beyond this many entries, only those not on time are shown; `lovage schedule list` shows all. */
const MOST_ENTRIES = 20

function printEntries({ schedule }: Health): void {
  const shown =
    schedule.length <= MOST_ENTRIES ? schedule : schedule.filter(({ status }) => status !== 'on time')
  if (shown.length === 0) return
  const rows = shown.map(({ name, task, status, nextAt, lastRunAt, overdueSeconds }) => [
    name,
    task,
    overdueSeconds === null ? status : `${status} ${overdueSeconds} s`,
    nextAt ?? '-',
    lastRunAt ?? '-',
  ])
  console.log(`\n${table(['periodic', 'task', 'status', 'next', 'last'], rows)}`)
}
