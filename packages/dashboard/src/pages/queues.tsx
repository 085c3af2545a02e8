import type { QueuePage, QueuesPage } from '../data/queues-page.js'
import type { PageView } from '../server/page-views.js'
import { frameOf, href, hrefOf, may } from './frame.js'
import { Layout } from './layout.js'
import { Act, Figure, Hidden, Pager, Section, State, Table, TaskLink, Time } from './parts.js'
import { QUEUE_COLUMNS, QueueRows } from './queue-rows.js'
import { count, known, seconds, short } from './words.js'

/** All queues of a fleet. */
export const queuesView: PageView<QueuesPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { q, sort, items, count: all, next } = page.data
  return (
    <Layout frame={frame} title="Queues">
      <form class="filter" action={`${frame.prefix}/queues`}>
        {frame.fleet === frame.fleets[0] ? '' : <input type="hidden" name="fleet" value={frame.fleet} />}
        <label>
          Name <input name="q" value={q} />
        </label>
        <label>
          Order{' '}
          <select name="sort">
            <option value="ready" selected={sort === 'ready'}>
              most waiting first
            </option>
            <option value="name" selected={sort === 'name'}>
              by name
            </option>
          </select>
        </label>
        <button type="submit">Show</button>
        <span class="note">{count(all)} queues</span>
      </form>
      <Table caption="Queues" columns={QUEUE_COLUMNS} rows={items.length} empty="No queue has such a name.">
        <QueueRows frame={frame} of={items} />
      </Table>
      <Pager
        older={next === null ? undefined : href(frame, '/queues', { q, sort, after: next })}
        words={['Before', 'More']}
      />
    </Layout>
  )
}

/** One queue, viewed without consuming. */
export const queueView: PageView<QueuePage> = (page, context) => {
  const frame = frameOf(page, context)
  const { line, workers, oldestSeconds, priorities, priorityOf, state, items, next, others } = page.data
  const here = `/queue/${encodeURIComponent(line.name)}`
  const all = line.ready + (line.delayed ?? 0) + (line.unacked ?? 0)
  return (
    <Layout frame={frame} title={line.name}>
      <p class="sub">
        {line.isPaused ? <span class="tag warn">paused</span> : ''}{' '}
        {workers.length === 0
          ? 'No worker consumes it.'
          : workers.map((name, place) => (
              <>
                {place === 0 ? 'Consumed by ' : ', '}
                <a href={hrefOf(frame, 'worker', name)}>{name}</a>
              </>
            ))}
      </p>
      <div class="figures">
        <Figure
          label="Waiting"
          value={count(line.ready)}
          {...(line.ready > 0 && workers.length === 0 ? { tone: 'bad' as const } : {})}
        />
        <Figure label="Delayed" value={known(line.delayed)} />
        <Figure label="Unacknowledged" value={known(line.unacked)} />
        <Figure label="Total" value={count(all)} />
        <Figure label="Oldest" value={seconds(oldestSeconds)} note="waiting" />
        <Figure
          label="Dead letters"
          value={count(line.dead)}
          to={href(frame, '/dead-letters', { queue: line.name })}
          {...(line.dead > 0 ? { tone: 'warn' as const } : {})}
        />
      </div>
      <div class="acts">
        <Act
          frame={frame}
          kind={line.isPaused ? 'queue.resume' : 'queue.pause'}
          fields={{ queue: line.name }}
          tone="main"
        >
          {line.isPaused ? 'Resume' : 'Pause'}
        </Act>
        {may(frame, 'queue.move') && others.length > 0 ? (
          <form
            class="act"
            method="post"
            action={href(frame, '/actions')}
            data-confirm={`Move ${line.ready} messages?`}
          >
            <Hidden frame={frame} kind="queue.move" fields={{ queue: line.name, expected: line.ready }} />
            <label>
              Move {count(line.ready)} waiting to{' '}
              <select name="to">
                {others.map((name) => (
                  <option>{name}</option>
                ))}
              </select>
            </label>
            <button type="submit">Move</button>
          </form>
        ) : (
          ''
        )}
        <Act
          frame={frame}
          kind="queue.purge"
          fields={{ queue: line.name, expected: line.ready + (line.delayed ?? 0) }}
          tone="danger"
          confirm={`Remove ${line.ready + (line.delayed ?? 0)} messages for good?`}
        >
          Purge {count(line.ready + (line.delayed ?? 0))}
        </Act>
      </div>
      {priorities === null ? (
        ''
      ) : (
        <Section
          title="Priorities"
          note={`of the next ${priorityOf === 1 ? 'message' : `${count(priorityOf)} messages`}, highest first`}
        >
          <ul class="bars">
            {priorities.map((one) => (
              <li>
                <span class="name">{one.priority === null ? 'not said' : `priority ${one.priority}`}</span>
                <meter min={0} max={Math.max(1, priorityOf)} value={one.count} />
                <span class="number">{count(one.count)}</span>
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title="Messages" note="viewing them does not consume them">
        <nav class="tabs" aria-label="States">
          {([undefined, 'ready', 'delayed', 'unacked'] as const).map((one) => (
            <a
              href={href(frame, here, { state: one })}
              {...((state ?? undefined) === one ? { 'aria-current': 'page' as const } : {})}
            >
              {one ?? 'all'}
            </a>
          ))}
        </nav>
        {items === null ? (
          <p class="empty">This broker does not show the messages of a queue.</p>
        ) : (
          <Table
            caption={`Messages of ${line.name}`}
            columns={[
              'Task',
              'State',
              'Arguments',
              { name: 'Priority', kind: 'number' },
              { name: 'Retries', kind: 'number' },
              'Waiting since',
              'Sent by',
              { name: '', kind: 'narrow' },
            ]}
            rows={items.length}
            empty="No message is in this state."
          >
            {items.map((one) => (
              <tr>
                <th scope="row">
                  <TaskLink frame={frame} id={one.id} name={one.name} />
                </th>
                <td>
                  <State of={one.state} />
                </td>
                <td class="code">{short(`${one.args} ${one.kwargs === '{}' ? '' : one.kwargs}`)}</td>
                <td class="number">{known(one.priority)}</td>
                <td class="number">{count(one.retries)}</td>
                <td>
                  <Time ms={one.dueMs ?? one.waitingSinceMs} frame={frame} />
                </td>
                <td>{one.origin}</td>
                <td class="narrow">
                  {one.state === 'delayed' ? (
                    <Act frame={frame} kind="queue.promote" fields={{ ids: one.id }}>
                      Run now
                    </Act>
                  ) : (
                    ''
                  )}
                  {one.state === 'unacked' ? (
                    ''
                  ) : (
                    <Act
                      frame={frame}
                      kind="queue.remove"
                      fields={{ ids: one.id }}
                      confirm="Remove this task for good?"
                    >
                      Remove
                    </Act>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
        <Pager
          older={next === null ? undefined : href(frame, here, { state, after: next })}
          words={['Before', 'More']}
        />
      </Section>
    </Layout>
  )
}
