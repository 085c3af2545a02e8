import type { AuditPage, BrokerPage, JobLine, LimitsPage } from '../data/operations-pages.js'
import type { PageView } from '../server/page-views.js'
import { frameOf, href, hrefOf, may } from './frame.js'
import { Layout } from './layout.js'
import { Act, Facts, Hidden, Pager, Section, State, Table, Time } from './parts.js'
import { count, known, seconds } from './words.js'

/** The fields by which the audit log is filtered, with their labels. */
const AUDIT_FILTERS = [
  ['person', 'Person'],
  ['action', 'Action'],
  ['target', 'Target'],
] as const

/** Pauses, rates, circuit breakers and the limits declared by tasks. */
export const limitsView: PageView<LimitsPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { paused, rates, breakers, tasks } = page.data
  return (
    <Layout frame={frame} title="Limits">
      <Section title="Circuit breakers">
        <Table
          caption="Circuit breakers that are not closed"
          columns={['Breaker', 'Task', 'State', 'Tries again']}
          rows={breakers?.length ?? 0}
          empty={breakers === null ? 'They cannot be read now.' : 'Every breaker is closed.'}
        >
          {(breakers ?? []).map((one) => (
            <tr>
              <th scope="row">{one.key}</th>
              <td>{one.task}</td>
              <td>
                <span class="tag bad">{one.state}</span>
              </td>
              <td>
                <Time ms={one.untilMs} frame={frame} />
              </td>
            </tr>
          ))}
        </Table>
      </Section>
      <Section title="Paused queues">
        <Table
          caption="Paused queues"
          columns={['Queue', { name: '', kind: 'narrow' }]}
          rows={paused.length}
          empty="No queue is paused."
        >
          {paused.map((queue) => (
            <tr>
              <th scope="row">
                <a href={hrefOf(frame, 'queue', queue)}>{queue}</a>
              </th>
              <td class="narrow">
                <Act frame={frame} kind="queue.resume" fields={{ queue }} tone="main">
                  Resume
                </Act>
              </td>
            </tr>
          ))}
        </Table>
      </Section>
      <Section title="Rate limits set at runtime">
        <Table
          caption="Rate limits set at runtime"
          columns={['Task', 'Rate']}
          rows={rates?.length ?? 0}
          empty={rates === null ? 'They cannot be read now.' : 'No rate limit has been set at runtime.'}
        >
          {(rates ?? []).map((one) => (
            <tr>
              <th scope="row">{one.task}</th>
              <td>{one.rate}</td>
            </tr>
          ))}
        </Table>
        {may(frame, 'limit.rate') ? (
          <form class="act" method="post" action={href(frame, '/actions')}>
            <Hidden frame={frame} kind="limit.rate" />
            <label>
              Task <input name="task" required />
            </label>
            <label>
              Rate <input name="rate" placeholder="10/m, 0 for none" required />
            </label>
            <button type="submit">Set the rate</button>
          </form>
        ) : (
          ''
        )}
      </Section>
      <Section title="Tasks" note="as defined in the app">
        <Table
          caption="Limits of tasks"
          columns={[
            'Task',
            'Rate',
            'Concurrency',
            { name: 'Soft limit', kind: 'number' },
            { name: 'Hard limit', kind: 'number' },
          ]}
          rows={tasks.length}
          empty="This app has no tasks of its own: give the dashboard an app with -A to see them."
        >
          {tasks.map((one) => (
            <tr>
              <th scope="row">{one.name}</th>
              <td>{one.rateLimit ?? '–'}</td>
              <td>{one.concurrency ?? '–'}</td>
              <td class="number">{seconds(one.softTimeLimit)}</td>
              <td class="number">{seconds(one.timeLimit)}</td>
            </tr>
          ))}
        </Table>
      </Section>
    </Layout>
  )
}

/** What a broker can do, as far as it explains what is seen elsewhere; the JSON of the page has all. */
const CAPABILITIES = [
  ['priorities', 'Priorities'],
  ['durableDelay', 'Delays outlive workers'],
  ['leases', 'Claims of dead workers expire'],
  ['atomicSettle', 'Settles in one step'],
  ['browsing', 'Messages can be viewed'],
  ['once', 'Refuses duplicates'],
] as const

/** The broker, the results and the history. */
export const brokerView: PageView<BrokerPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { kind, location, capabilities, advice, results, history, events } = page.data
  return (
    <Layout frame={frame} title="Broker">
      {advice.length === 0 ? (
        ''
      ) : (
        <div class="why">
          <h2>Recommended changes</h2>
          <ul>
            {advice.map((one) => (
              <li>{one}</li>
            ))}
          </ul>
        </div>
      )}
      <div class="halves">
        <Section title="Broker">
          <Facts
            of={[
              ['Kind', kind ?? 'cannot be reached'],
              ['Location', location ?? '–'],
              [
                'Results',
                results === null ? 'none, or out of reach' : `${results.kind}, ${results.location}`,
              ],
              ...CAPABILITIES.flatMap(([name, word]) =>
                capabilities?.[name] === undefined
                  ? []
                  : [[word, capabilities[name] === false ? 'no' : 'yes'] as const],
              ),
            ]}
          />
        </Section>
        <Section title="History">
          <Facts
            of={[
              ['Stored in', history.location],
              ['Tasks', count(history.tasks)],
              ['Oldest', <Time ms={history.oldestMs} frame={frame} />],
              ['Events received', count(events.received)],
              ['Events a second', events.perSecond.toFixed(1)],
              ['Unreadable', count(events.unreadable)],
              ['Dropped', count(events.dropped)],
            ]}
          />
        </Section>
      </div>
    </Layout>
  )
}

/** The dashboard's actions, and their users. */
export const auditView: PageView<AuditPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { items, next } = page.data
  return (
    <Layout frame={frame} title="Audit" live={false}>
      <form class="filter" action={`${frame.prefix}/audit`}>
        {frame.fleet === frame.fleets[0] ? '' : <input type="hidden" name="fleet" value={frame.fleet} />}
        {AUDIT_FILTERS.map(([name, label]) => (
          <label>
            {label} <input name={name} value={frame.query[name] ?? ''} />
          </label>
        ))}
        <button type="submit">Show</button>
      </form>
      <Table
        caption="Audit log"
        columns={[
          'When (UTC)',
          'Who',
          'Action',
          'What',
          { name: 'Reached', kind: 'number' },
          'Outcome',
          'Details',
        ]}
        rows={items.length}
        empty="Nothing has been done through the dashboard yet."
      >
        {items.map((entry) => (
          <tr>
            <td>
              <Time ms={entry.ms} frame={frame} exact />
            </td>
            <td>
              {entry.person} <span class="note">{entry.role}</span>
            </td>
            <th scope="row">{entry.action}</th>
            <td class="code">{entry.target}</td>
            <td class="number">{known(entry.count)}</td>
            <td>
              <State of={entry.outcome} />
            </td>
            <td class="code">{entry.details}</td>
          </tr>
        ))}
      </Table>
      <Pager older={next === null ? undefined : href(frame, '/audit', { ...frame.query, before: next })} />
    </Layout>
  )
}

/** Jobs on everything that a search found. */
export const jobsView: PageView<readonly JobLine[]> = (page, context) => {
  const frame = frameOf(page, context)
  const jobs = page.data
  return (
    <Layout frame={frame} title="Jobs">
      <Table
        caption="Background jobs"
        columns={[
          'Action',
          'What',
          'Who',
          'State',
          'Progress',
          { name: 'Failed', kind: 'number' },
          'Began',
          { name: '', kind: 'narrow' },
        ]}
        rows={jobs.length}
        empty="No bulk action has been started yet: search for tasks, then act on all results."
      >
        {jobs.map((job) => (
          <tr>
            <th scope="row">{job.action}</th>
            <td class="code">{job.target}</td>
            <td>{job.person}</td>
            <td>
              <State of={job.state} /> <span class="bad">{job.error ?? ''}</span>
            </td>
            <td>
              <progress max={Math.max(1, job.expected)} value={job.done + job.failed} /> {count(job.done)} of{' '}
              {count(job.expected)}
            </td>
            <td class="number">{count(job.failed)}</td>
            <td>
              <Time ms={job.startedMs} frame={frame} />
            </td>
            <td class="narrow">
              {job.state === 'running' ? (
                <Act frame={frame} kind="job.stop" fields={{ id: job.id }}>
                  Stop
                </Act>
              ) : (
                ''
              )}
            </td>
          </tr>
        ))}
      </Table>
    </Layout>
  )
}
