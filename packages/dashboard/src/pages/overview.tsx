import type { Overview, Stuck } from '../data/overview.js'
import type { PageView } from '../server/page-views.js'
import { ThroughputChart } from './chart.js'
import { type Frame, frameOf, href, hrefOf } from './frame.js'
import { Layout } from './layout.js'
import { Figure, Section, Table } from './parts.js'
import { QUEUE_COLUMNS, QueueRows } from './queue-rows.js'
import { count, known, seconds } from './words.js'

/** The overview page: is anything stuck? */
export const overviewView: PageView<Overview> = (page, context) => {
  const frame = frameOf(page, context)
  const { stuck, queues, workers, throughput, failures, names } = page.data
  const failed = failures.reduce((sum, one) => sum + one.count, 0)
  return (
    <Layout frame={frame} title="Overview">
      {stuck.length === 0 ? (
        <p class="calm">
          <span aria-hidden="true">✓</span> {workers.alive === 0 ? 'Nothing waits.' : 'Nothing is stuck.'}
        </p>
      ) : (
        <ul class="stuck" aria-label="Stuck">
          {stuck.map((one) => (
            <li class={one.severity}>
              <span aria-hidden="true">{one.severity === 'critical' ? '✕' : '⚠'}</span>{' '}
              <strong>{one.severity}</strong> <a href={placeOf(frame, one)}>{one.message}</a>
            </li>
          ))}
        </ul>
      )}
      <div class="figures">
        <Figure
          label="Waiting"
          value={count(queues.ready)}
          note={`in ${count(queues.count)} ${queues.count === 1 ? 'queue' : 'queues'}`}
          to={href(frame, '/queues')}
        />
        <Figure label="Delayed" value={known(queues.delayed)} note="scheduled for later" />
        <Figure
          label="Running"
          value={count(workers.active)}
          note={`${known(queues.unacked)} unacknowledged`}
        />
        <Figure
          label="Workers"
          value={count(workers.alive)}
          note={workers.lost.length === 0 ? 'alive' : `alive, ${count(workers.lost.length)} lost`}
          to={href(frame, '/workers')}
          {...(workers.lost.length > 0 || workers.alive === 0 ? { tone: 'bad' as const } : {})}
        />
        <Figure
          label="Dead letters"
          value={count(queues.dead)}
          to={href(frame, '/dead-letters')}
          {...(queues.dead > 0 ? { tone: 'warn' as const } : {})}
        />
        <Figure
          label="Failures"
          value={count(failed)}
          note="in 24 hours"
          to={href(frame, '/tasks', { q: 'state:FAILURE' })}
          {...(failed > 0 ? { tone: 'warn' as const } : {})}
        />
      </div>
      <Section title="Throughput" note="the last hour, by minute">
        <ThroughputChart of={throughput} />
      </Section>
      <div class="halves">
        <Section title="Failures" note="24 hours, by type">
          <Table
            caption="Failures by type"
            columns={['Error', { name: 'Tasks', kind: 'number' }]}
            rows={failures.length}
            empty="No task has failed in the last 24 hours."
          >
            {failures.map((one) => (
              <tr>
                <th scope="row">
                  <a href={href(frame, '/tasks', { q: `state:FAILURE error:${quoted(one.type)}` })}>
                    {one.type}
                  </a>
                </th>
                <td class="number">{count(one.count)}</td>
              </tr>
            ))}
          </Table>
        </Section>
        <Section title="Tasks" note="the last hour, by name">
          <Table
            caption="Tasks by name"
            columns={[
              'Task',
              { name: 'Succeeded', kind: 'number' },
              { name: 'Failed', kind: 'number' },
              { name: 'Mean run', kind: 'number' },
            ]}
            rows={names.length}
            empty="No task has ended in the last hour."
          >
            {names.map((one) => (
              <tr>
                <th scope="row">
                  <a href={href(frame, '/tasks', { q: `name:${quoted(one.name)}` })}>{one.name}</a>
                </th>
                <td class="number">{count(one.succeeded)}</td>
                <td class="number">{count(one.failed)}</td>
                <td class="number">{seconds(one.meanRuntime)}</td>
              </tr>
            ))}
          </Table>
        </Section>
      </div>
      <Section title="Queues" note="most waiting first">
        <Table
          caption="Queues with the most waiting tasks"
          columns={QUEUE_COLUMNS}
          rows={queues.top.length}
          empty="There is no queue yet."
        >
          <QueueRows frame={frame} of={queues.top} />
        </Table>
      </Section>
    </Layout>
  )
}

/** A search value, quoted where it has spaces or grammar characters. */
export const quoted = (value: string): string =>
  /^[\w.@-]+$/.test(value) ? value : `"${value.replaceAll('"', '')}"`

function placeOf(frame: Frame, { at: { page, of } }: Stuck): string {
  if (page === 'tasks') return href(frame, '/tasks', { q: of })
  if (of === null || page === 'queues' || page === 'workers' || page === 'schedules' || page === 'limits')
    return href(frame, `/${page}`)
  return page === 'dead-letters' ? href(frame, '/dead-letters', { queue: of }) : hrefOf(frame, page, of)
}
