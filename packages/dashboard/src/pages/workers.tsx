import type { FC } from 'hono/jsx'
import type { HeldTask, WorkerPage, WorkersPage } from '../data/workers-page.js'
import type { PageView } from '../server/page-views.js'
import { type Frame, frameOf, href, hrefOf, may } from './frame.js'
import { Layout } from './layout.js'
import { Act, Code, Figure, Hidden, Section, State, Table, TaskLink, Time } from './parts.js'
import { count, known, short } from './words.js'

/** All workers of a fleet, in both languages. */
export const workersView: PageView<WorkersPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { items } = page.data
  return (
    <Layout frame={frame} title="Workers">
      <Table
        caption="Workers"
        columns={[
          'Worker',
          'State',
          'Software',
          'Queues',
          'Pool',
          { name: 'Running', kind: 'number' },
          { name: 'Processed', kind: 'number' },
          { name: 'Load', kind: 'number' },
          'Last seen',
        ]}
        rows={items.length}
        empty="No worker seen yet. Start one: lovage -A APP worker, or celery -A APP worker -E."
      >
        {items.map((line) => (
          <tr>
            <th scope="row">
              <a href={hrefOf(frame, 'worker', line.hostname)}>{line.hostname}</a>
            </th>
            <td>
              <State of={line.state} />{' '}
              {line.tellsOfTasks === false ? <span class="tag warn">tells no task events</span> : ''}
            </td>
            <td>{line.software}</td>
            <td>{line.queues === null ? '–' : short(line.queues.join(', '), 60)}</td>
            <td>
              {line.pool ?? '–'}{' '}
              {line.concurrency === null ? '' : <span class="note">× {line.concurrency}</span>}
            </td>
            <td class="number">{count(line.active)}</td>
            <td class="number">{count(line.processed)}</td>
            <td class="number">{line.loadavg[0]?.toFixed(2) ?? '–'}</td>
            <td>
              <Time ms={line.seenMs} frame={frame} />
            </td>
          </tr>
        ))}
      </Table>
    </Layout>
  )
}

/** One worker: its tasks, its configuration, and all commands for it. */
export const workerView: PageView<WorkerPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { line, stats, registered, activeQueues, conf, active, reserved, scheduled, revoked } = page.data
  const destination = line.hostname
  return (
    <Layout frame={frame} title={destination}>
      <p class="sub">
        <State of={line.state} /> {line.software} {line.pid === null ? '' : `· pid ${line.pid}`} · last seen{' '}
        <Time ms={line.seenMs} frame={frame} />
      </p>
      <div class="figures">
        <Figure
          label="Running"
          value={count(line.active)}
          note={
            line.concurrency === null
              ? undefined
              : `of ${line.concurrency} ${line.concurrency === 1 ? 'slot' : 'slots'}`
          }
        />
        <Figure label="Reserved" value={known(reserved?.length)} />
        <Figure label="Scheduled" value={known(scheduled?.length)} />
        <Figure label="Processed" value={count(line.processed)} />
        <Figure
          label="Load"
          value={line.loadavg[0]?.toFixed(2) ?? '–'}
          note={
            line.loadavg
              .slice(1)
              .map((one) => one.toFixed(2))
              .join(' · ') || undefined
          }
        />
      </div>
      <Controls frame={frame} page={page.data} />
      <Held frame={frame} title="Running" tasks={active} />
      <Held frame={frame} title="Reserved" tasks={reserved} />
      <Held frame={frame} title="Scheduled" tasks={scheduled} />
      <Section title="Queues">
        <Table
          caption="Queues that it consumes"
          columns={['Queue', 'Exchange', 'Routing key', { name: '', kind: 'narrow' }]}
          rows={activeQueues?.length ?? 0}
          empty={activeQueues === null ? 'It did not answer.' : 'It consumes no queue.'}
        >
          {(activeQueues ?? []).map((queue) => {
            const name = String(queue.name)
            const exchange = queue.exchange as { readonly name?: unknown } | undefined
            return (
              <tr>
                <th scope="row">
                  <a href={hrefOf(frame, 'queue', name)}>{name}</a>
                </th>
                <td>{String(exchange?.name ?? '')}</td>
                <td>{String(queue.routing_key ?? '')}</td>
                <td class="narrow">
                  <Act frame={frame} kind="worker.cancel-consumer" fields={{ destination, queue: name }}>
                    Stop consuming
                  </Act>
                </td>
              </tr>
            )
          })}
        </Table>
      </Section>
      <div class="halves">
        <Section title="Registered tasks" note={known(registered?.length)}>
          {registered === null ? (
            <p class="empty">It did not answer.</p>
          ) : (
            <ul class="names">
              {registered.map((name) => (
                <li>{name}</li>
              ))}
            </ul>
          )}
        </Section>
        <Section title="Revoked" note={known(revoked?.length)}>
          {revoked === null ? (
            <p class="empty">It did not answer.</p>
          ) : (
            <ul class="names">
              {revoked.slice(0, 200).map((id) => (
                <li>
                  <TaskLink frame={frame} id={id} name={id} />
                </li>
              ))}
            </ul>
          )}
        </Section>
      </div>
      <details>
        <summary>Statistics</summary>
        <Code text={JSON.stringify(stats ?? {}, null, 2)} label="Statistics" />
      </details>
      <details>
        <summary>Settings</summary>
        <Code text={JSON.stringify(conf ?? {}, null, 2)} label="Settings" />
      </details>
    </Layout>
  )
}

const Held: FC<{
  readonly frame: Frame
  readonly title: string
  readonly tasks: readonly HeldTask[] | null
}> = ({ frame, title, tasks }) =>
  tasks === null || tasks.length === 0 ? null : (
    <Section title={title} note={count(tasks.length)}>
      <Table
        caption={title}
        columns={['Task', 'Arguments', 'Queue', 'Since / due', { name: '', kind: 'narrow' }]}
        rows={tasks.length}
        empty=""
      >
        {tasks.map((task) => (
          <tr>
            <th scope="row">
              <TaskLink frame={frame} id={task.id} name={task.name} />
            </th>
            <td class="code">{short(`${task.args} ${task.kwargs === '{}' ? '' : task.kwargs}`)}</td>
            <td>{task.queue ?? '–'}</td>
            <td>
              <Time ms={task.dueMs ?? task.startedMs} frame={frame} />
            </td>
            <td class="narrow">
              <Act
                frame={frame}
                kind={title === 'Running' ? 'task.terminate' : 'task.revoke'}
                fields={{ ids: task.id }}
                {...(title === 'Running' ? { confirm: 'Stop the process that runs it?' } : {})}
              >
                {title === 'Running' ? 'Terminate' : 'Revoke'}
              </Act>
            </td>
          </tr>
        ))}
      </Table>
    </Section>
  )

/** Flower's full set of worker commands. */
const Controls: FC<{ readonly frame: Frame; readonly page: WorkerPage }> = ({ frame, page: { line } }) => {
  if (!may(frame, 'worker.shutdown') || line.state !== 'alive') return null
  const destination = line.hostname
  const action = href(frame, '/actions')
  return (
    <details class="edit">
      <summary>Change this worker</summary>
      <div class="acts">
        <form class="act" method="post" action={action}>
          <Hidden frame={frame} kind="worker.pool-grow" fields={{ destination }} />
          <label>
            Grow by <input name="n" type="number" min={1} value="1" />
          </label>
          <button type="submit">Grow</button>
        </form>
        <form class="act" method="post" action={action}>
          <Hidden frame={frame} kind="worker.pool-shrink" fields={{ destination }} />
          <label>
            Shrink by <input name="n" type="number" min={1} value="1" />
          </label>
          <button type="submit">Shrink</button>
        </form>
        <form class="act" method="post" action={action}>
          <Hidden frame={frame} kind="worker.autoscale" fields={{ destination }} />
          <label>
            Autoscale <input name="min" type="number" min={0} value="1" aria-label="fewest slots" /> to{' '}
            <input name="max" type="number" min={0} value={line.concurrency ?? 10} aria-label="most slots" />
          </label>
          <button type="submit">Set</button>
        </form>
        <form class="act" method="post" action={action}>
          <Hidden frame={frame} kind="worker.add-consumer" fields={{ destination }} />
          <label>
            Queue <input name="queue" required />
          </label>
          <button type="submit">Consume</button>
        </form>
        <form class="act" method="post" action={action}>
          <Hidden frame={frame} kind="limit.rate" />
          <label>
            Task <input name="task" required /> rate on all workers{' '}
            <input name="rate" placeholder="10/m" required />
          </label>
          <button type="submit">Limit</button>
        </form>
        <form class="act" method="post" action={action}>
          <Hidden frame={frame} kind="limit.time" fields={{ destination }} />
          <label>
            Task <input name="task" required /> soft <input name="soft" type="number" min={1} /> hard{' '}
            <input name="hard" type="number" min={1} /> seconds
          </label>
          <button type="submit">Limit time</button>
        </form>
        <Act frame={frame} kind="worker.pool-restart" fields={{ destination }} confirm="Restart its pool?">
          Restart pool
        </Act>
        <Act
          frame={frame}
          kind="worker.shutdown"
          fields={{ destination }}
          tone="danger"
          confirm={`Shut ${destination} down?`}
        >
          Shut down
        </Act>
      </div>
    </details>
  )
}
