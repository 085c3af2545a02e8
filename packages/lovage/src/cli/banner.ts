import type { Lovage } from '../app/index.js'
import { redactUrl } from '../kernel/index.js'
import { ownVersion } from './version.js'

/** What a starting worker shows. */
export interface BannerFacts {
  readonly hostname: string
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly pool: string
}

/** Who runs what, where, as Celery's banner tells it. */
export function banner(app: Lovage, { hostname, queues, concurrency, pool }: BannerFacts): string {
  const results = app.hasResults ? redactUrl(app.resultUrl) : 'disabled'
  const facts: readonly [string, string][] = [
    ['app', app.main],
    ['broker', redactUrl(app.brokerUrl)],
    ['results', results],
    ['concurrency', `${concurrency} (${pool})`],
    ['queues', queues.join(', ')],
  ]
  const lines = facts.map(([name, value]) => `  ${`${name}:`.padEnd(13)}${value}`)
  const tasks = app.tasks.names().map((name) => `    . ${name}`)
  return `\n  ${hostname}  lovage ${ownVersion()}, Node ${process.version}\n\n${lines.join('\n')}\n  tasks:\n${tasks.join('\n') || '    (none)'}\n\n`
}
