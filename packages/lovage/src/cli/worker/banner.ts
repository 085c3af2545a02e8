import { arch, platform } from 'node:os'
import { relative } from 'node:path'
import type { Lovage } from '../../app/index.js'
import type { ChosenPool, NodeFacts } from '../../node/index.js'
import { packageVersion } from '../../process/index.js'

/** The contents of the banner. */
export interface BannerFacts extends NodeFacts {
  readonly app: Lovage
  /** The file that the app came from. */
  readonly file: string | undefined
  readonly pool: ChosenPool
}

/** Tasks listed by name; the rest is only counted. */
const SHOWN_TASKS = 20

/** The start-up banner: a worker's configuration and tasks. */
export function banner({ app, file, hostname, broker, results, queues, pool }: BannerFacts): string {
  const isEmbedded = app.conf.brokerUrl === undefined
  const rows: readonly (readonly [label: string, ...lines: readonly string[]])[] = [
    ['app', `${app.main}${file === undefined ? '' : ` (${relative(process.cwd(), file) || file})`}`],
    [
      'broker',
      `${broker.kind} ${broker.location}${isEmbedded ? '  (embedded, because no URL is configured)' : ''}`,
    ],
    ['results', results ? `${results.kind} ${results.location}` : 'not kept'],
    ['concurrency', `${pool.concurrency} (${pool.kind}; ${pool.reason})`],
    ['queues', queues.join(', ')],
    ['tasks', ...taskLines(app.tasks.names())],
  ]
  const width = Math.max(...rows.map(([label]) => label.length)) + 2
  const body = rows.flatMap(([label, ...lines]) =>
    lines.map((line, index) => `  ${(index === 0 ? label : '').padEnd(width)}${line}`),
  )
  const head = `lovage ${packageVersion()}  ${hostname}  (pid ${process.pid}, node ${process.versions.node}, ${platform()} ${arch()})`
  return ['', head, '', ...body, ''].join('\n')
}

function taskLines(names: readonly string[]): readonly string[] {
  if (names.length === 0)
    return ['none: does the module of -A import those that define tasks? (-I imports more)']
  const more = names.length - SHOWN_TASKS
  return more > 0 ? [...names.slice(0, SHOWN_TASKS), `and ${more} more`] : names
}
