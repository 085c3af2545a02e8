import type { FC } from 'hono/jsx'
import type { TasksPage } from '../data/tasks-page.js'
import type { Facet } from '../history/history-store.js'
import type { AllTasks, PageView } from '../server/page-views.js'
import { type Frame, frameOf, href, hrefOf, may } from './frame.js'
import { Layout } from './layout.js'
import { quoted } from './overview.js'
import { Pager, State, Table, TaskLink, Time } from './parts.js'
import { count, ranOf, seconds, short } from './words.js'

/** Tasks that a search finds, newest first. */
export const tasksView: PageView<TasksPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { request, error, items, next, previous, lookedBackToMs, size } = page.data
  const { q, limit } = request
  return (
    <Layout frame={frame} title="Tasks">
      <form class="filter wide" action={`${frame.prefix}/tasks`}>
        {frame.fleet === frame.fleets[0] ? '' : <input type="hidden" name="fleet" value={frame.fleet} />}
        <label class="grow">
          Search{' '}
          <input
            name="q"
            value={q}
            placeholder="state:FAILURE (name:mail OR error:timeout) -worker:canary received:>2h"
            {...(error ? { 'aria-invalid': 'true' as const, 'aria-describedby': 'wrong' } : {})}
          />
        </label>
        <button type="submit">Search</button>
        <span class="note">about {count(size)} tasks in the history</span>
      </form>
      {error ? (
        <p class="wrong" id="wrong">
          <strong>{error.message}</strong> at character {error.position + 1}:{' '}
          <code>
            {q.slice(0, error.position)}
            <mark>{q.slice(error.position, error.position + Math.max(1, error.length)) || '␣'}</mark>
            {q.slice(error.position + Math.max(1, error.length))}
          </code>
        </p>
      ) : (
        ''
      )}
      <div class="facets">
        <Facets frame={frame} q={q} field="state" of={page.data.states} />
        <Facets frame={frame} q={q} field="name" of={page.data.names} />
        <Facets frame={frame} q={q} field="queue" of={page.data.queues} />
        <Facets frame={frame} q={q} field="worker" of={page.data.workers} />
      </div>
      <form method="post" action={href(frame, '/actions')} class="bulk">
        <input type="hidden" name="back" value={frame.here} />
        <input type="hidden" name="search" value={q} />
        <Table
          caption="Tasks"
          columns={[
            { name: '', kind: 'narrow' },
            'Task',
            'State',
            'Arguments',
            'Result or error',
            'Worker',
            'Queue',
            { name: 'Run', kind: 'number' },
            'First seen',
          ]}
          rows={items.length}
          empty={
            error ? 'Correct the search to see tasks.' : q === '' ? 'No tasks seen yet.' : 'No tasks found.'
          }
        >
          {items.map((task) => (
            <tr>
              <td class="narrow">
                <input
                  type="checkbox"
                  name="ids"
                  value={task.id}
                  aria-label={`Choose ${task.name ?? task.id}`}
                />
              </td>
              <th scope="row">
                <TaskLink frame={frame} id={task.id} name={task.name} />
                <span class="note id">{short(task.id, 9)}</span>
              </th>
              <td>
                <State of={task.state} />
                {task.percent === null || task.endedMs !== null ? (
                  ''
                ) : (
                  <span class="note"> {Math.min(100, Math.round(task.percent))} %</span>
                )}
                {task.retries ? <span class="note"> ↻{task.retries}</span> : ''}
              </td>
              <td class="code">
                {short(
                  `${task.args ?? ''} ${task.kwargs === null || task.kwargs === '{}' ? '' : task.kwargs}`,
                  60,
                )}
              </td>
              <td class={`code ${task.exception === null ? '' : 'bad'}`}>
                {short(task.exception ?? task.result ?? '', 60)}
              </td>
              <td>
                {task.worker === null ? (
                  '–'
                ) : (
                  <a href={hrefOf(frame, 'worker', task.worker)}>{short(task.worker, 28)}</a>
                )}
              </td>
              <td>
                {task.queue === null ? '–' : <a href={hrefOf(frame, 'queue', task.queue)}>{task.queue}</a>}
              </td>
              <td class="number">{seconds(ranOf(task))}</td>
              <td>
                <Time ms={task.changedMs || task.seenMs} frame={frame} />
              </td>
            </tr>
          ))}
        </Table>
        <Bulk frame={frame} q={q} shown={items.length} />
      </form>
      {lookedBackToMs === null ? (
        ''
      ) : (
        <p class="note">
          The search looked back to <Time ms={lookedBackToMs} frame={frame} exact /> (UTC). Go on with
          “Older”.
        </p>
      )}
      <Pager
        newer={previous === null ? undefined : href(frame, '/tasks', { q, limit, after: previous })}
        older={next === null ? undefined : href(frame, '/tasks', { q, limit, before: next })}
      />
    </Layout>
  )
}

const VERBS = [
  ['task.retry', 'Retry'],
  ['task.revoke', 'Revoke'],
  ['task.terminate', 'Terminate'],
  ['task.abort', 'Abort'],
] as const

/** The bulk actions on ticked tasks, or on everything that the search finds. */
const Bulk: FC<{ readonly frame: Frame; readonly q: string; readonly shown: number }> = ({
  frame,
  q,
  shown,
}) => {
  const verbs = VERBS.filter(([kind]) => may(frame, kind))
  if (verbs.length === 0 || shown === 0) return null
  return (
    <fieldset class="acts" aria-label="Actions on tasks">
      <span class="note">With the selected:</span>
      {verbs.map(([kind, verb]) => (
        <button
          type="submit"
          name="kind"
          value={kind}
          {...(kind === 'task.terminate'
            ? { class: 'danger', 'data-confirm': 'Stop the processes that run the selected tasks?' }
            : {})}
        >
          {verb}
        </button>
      ))}
      <a class="button" href={href(frame, '/tasks/all', { q })}>
        With all results …
      </a>
    </fieldset>
  )
}

/** Values of a field, each a search. */
const Facets: FC<{
  readonly frame: Frame
  readonly q: string
  readonly field: string
  readonly of: readonly Facet[]
}> = ({ frame, q, field, of }) =>
  of.length === 0 ? null : (
    <details>
      <summary>{field}</summary>
      <ul>
        {of.slice(0, 30).map(({ value, count: tasks }) => {
          const term = `${field}:${quoted(value)}`
          const isOn = q.includes(term)
          const rest = q.replace(term, '').replaceAll(/\s+/g, ' ').trim()
          return (
            <li>
              <a
                href={href(frame, '/tasks', { q: isOn ? rest : `${q} ${term}`.trim() })}
                {...(isOn ? { 'aria-current': 'true' as const } : {})}
              >
                {value}
              </a>{' '}
              <span class="note">{count(tasks)}</span>
            </li>
          )
        })}
      </ul>
    </details>
  )

/** Everything that a search finds: the count, and the bulk actions. */
export const allTasksView: PageView<AllTasks> = (page, context) => {
  const frame = frameOf(page, context)
  const { q, count: found, isExact } = page.data
  return (
    <Layout frame={frame} title="Everything that is found" live={false}>
      <p>
        The search <code>{q === '' ? '(everything)' : q}</code> finds {isExact ? '' : 'at least '}
        <strong>{count(found)}</strong> tasks. What is chosen here is done to each of them in the background,
        and can be followed and stopped on the page of jobs.
      </p>
      <div class="acts">
        {VERBS.filter(([kind]) => may(frame, kind)).map(([kind, verb]) => (
          <form class="act" method="post" action={href(frame, '/actions')}>
            <input type="hidden" name="kind" value={kind} />
            <input type="hidden" name="back" value={href(frame, '/jobs')} />
            <input type="hidden" name="search" value={q} />
            <input type="hidden" name="expected" value={found} />
            <button type="submit" class={kind === 'task.retry' ? 'main' : 'danger'} disabled={found === 0}>
              {verb} {count(found)}
            </button>
          </form>
        ))}
        <a class="button" href={href(frame, '/tasks', { q })}>
          Back
        </a>
      </div>
    </Layout>
  )
}
