import type { TaskPage } from '../data/tasks-page.js'
import type { PageView } from '../server/page-views.js'
import { type Frame, frameOf, href, hrefOf, may } from './frame.js'
import { Layout } from './layout.js'
import { Act, Code, Facts, Hidden, Section, State, Table, TaskLink, Time } from './parts.js'
import { count, ranOf, seconds, short } from './words.js'

/** One task: its history, the reasons it does not run, and the available actions. */
export const taskView: PageView<TaskPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { task, why, attempts, result, queued, letter, parent, children, hasWorkflow, isLost } = page.data
  const title = task.name ?? task.id
  return (
    <Layout frame={frame} title={title}>
      <p class="sub">
        <State of={task.state} /> {isLost ? <span class="tag bad">its worker is gone</span> : ''}{' '}
        <code class="id">{task.id}</code>{' '}
        {task.percent === null || task.endedMs !== null ? (
          ''
        ) : (
          <progress max={100} value={task.percent}>
            {Math.min(100, Math.round(task.percent))} %
          </progress>
        )}
      </p>
      {why.length === 0 ? (
        ''
      ) : (
        <div class="why">
          <h2>Why it is not running</h2>
          <ul>
            {why.map((reason) => (
              <li>
                <strong>{reason.message}</strong> {reason.advice ?? ''}
              </li>
            ))}
          </ul>
        </div>
      )}
      {task.exception === null ? '' : <p class="error">{task.exception}</p>}
      <Actions frame={frame} page={page.data} />
      <div class="halves">
        <Section title="Call">
          <Facts
            of={[
              [
                'Arguments',
                <Code
                  text={queued?.args ?? task.args ?? '–'}
                  json={queued?.args !== undefined && queued?.args !== null}
                  label="Arguments"
                />,
              ],
              [
                'Keywords',
                <Code
                  text={queued?.kwargs ?? task.kwargs ?? '–'}
                  json={queued?.kwargs !== undefined && queued?.kwargs !== null}
                  label="Keyword arguments"
                />,
              ],
              [
                'Result',
                result === null ? (task.result ?? '–') : <Code text={result.value} json label="Result" />,
              ],
            ]}
          />
        </Section>
        <Section title="Where and when">
          <Facts
            of={[
              [
                'Queue',
                task.queue === null ? '–' : <a href={hrefOf(frame, 'queue', task.queue)}>{task.queue}</a>,
              ],
              [
                'Worker',
                task.worker === null ? '–' : <a href={hrefOf(frame, 'worker', task.worker)}>{task.worker}</a>,
              ],
              ['Sent', <Time ms={task.sentMs} frame={frame} />],
              ['Received', <Time ms={task.receivedMs} frame={frame} />],
              ['Started', <Time ms={task.startedMs} frame={frame} />],
              ['Ended', <Time ms={task.endedMs} frame={frame} />],
              ['Ran', seconds(ranOf(task))],
              ['Retries', count(task.retries ?? 0)],
              ['ETA', task.eta ?? '–'],
              ['Expires', task.expires ?? '–'],
              ['Sent by', task.client ?? '–'],
              ['Source', task.source === 'events' ? 'events' : `${task.source}, not events`],
              ...(letter === null
                ? []
                : ([
                    ['Dead letter', <a href={hrefOf(frame, 'dead-letter', letter.id)}>{letter.reason}</a>],
                  ] as const)),
            ]}
          />
        </Section>
      </div>
      <Section title="Attempts">
        <Table
          caption="Attempts"
          columns={[
            { name: '#', kind: 'number' },
            'Outcome',
            'Worker',
            { name: 'Waited', kind: 'number' },
            { name: 'Ran', kind: 'number' },
            'Began',
            'Error',
          ]}
          rows={attempts.length}
          empty="No worker has taken it yet."
        >
          {attempts.map((one) => (
            <tr>
              <td class="number">{one.number}</td>
              <td>
                <State of={one.outcome} />
              </td>
              <td>{one.worker ?? '–'}</td>
              <td class="number">{seconds(one.waited)}</td>
              <td class="number">{seconds(one.ran)}</td>
              <td>
                <Time ms={one.startedMs ?? one.receivedMs} frame={frame} />
              </td>
              <td class="code bad">{one.error ?? ''}</td>
            </tr>
          ))}
        </Table>
      </Section>
      {(result?.traceback ?? task.traceback) ? (
        <Section title="Traceback">
          <Code text={result?.traceback ?? task.traceback ?? ''} label="Traceback" />
        </Section>
      ) : (
        ''
      )}
      {parent === null && children.length === 0 && !hasWorkflow ? (
        ''
      ) : (
        <Section
          title="Family"
          {...(hasWorkflow
            ? { note: <a href={hrefOf(frame, 'workflow', task.rootId ?? task.id)}>as a graph</a> }
            : {})}
        >
          <ul class="family">
            {task.groupId === null ? (
              ''
            ) : (
              <li>
                In the group <a href={hrefOf(frame, 'workflow', task.groupId)}>{short(task.groupId, 9)}</a>
              </li>
            )}
            {parent === null ? (
              ''
            ) : (
              <li>
                Sent by <TaskLink frame={frame} id={parent.id} name={parent.name} />{' '}
                <State of={parent.state} />
              </li>
            )}
            {children.map((child) => (
              <li>
                Led to <TaskLink frame={frame} id={child.id} name={child.name} /> <State of={child.state} />
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section
        title="Timeline"
        note={task.untold > 0 ? `${count(task.untold)} entries in between are not kept` : undefined}
      >
        <ol class="timeline">
          {task.timeline.map((entry, place) => {
            const before = task.timeline[place - 1]
            return (
              <li>
                <State of={entry.kind} /> <Time ms={entry.ms} frame={frame} exact />
                {before ? <span class="note"> +{seconds((entry.ms - before.ms) / 1000)}</span> : ''}{' '}
                {entry.node ?? ''} {entry.percent === null ? '' : `${Math.round(entry.percent)} %`}{' '}
                <span class="bad">{entry.exception ?? ''}</span>
              </li>
            )
          })}
        </ol>
      </Section>
    </Layout>
  )
}

const WORDS: Readonly<
  Record<string, readonly [word: string, tone: 'danger' | 'main' | undefined, confirm: string | undefined]>
> = {
  'task.retry': ['Retry', 'main', undefined],
  'task.revoke': ['Revoke', undefined, undefined],
  'task.terminate': ['Terminate', 'danger', 'Stop the process that runs it?'],
  'task.abort': ['Abort', undefined, undefined],
  'queue.promote': ['Run now', 'main', undefined],
  'letter.redrive': ['Send the dead letter again', 'main', undefined],
}

function Actions({ frame, page }: { readonly frame: Frame; readonly page: TaskPage }) {
  const { task, actions, editable, letter } = page
  return (
    <div class="acts">
      {actions.map((kind) => {
        const [word, tone, confirm] = WORDS[kind] ?? []
        if (word === undefined) return ''
        const ids = kind === 'letter.redrive' ? letter?.id : task.id
        return (
          <Act
            frame={frame}
            kind={kind}
            fields={{ ids }}
            {...(tone ? { tone } : {})}
            {...(confirm ? { confirm } : {})}
          >
            {word}
          </Act>
        )
      })}
      {actions.includes('task.edit-retry') && may(frame, 'task.edit-retry') ? (
        <details class="edit">
          <summary>Edit and retry</summary>
          <form method="post" action={href(frame, '/actions')}>
            <Hidden frame={frame} kind="task.edit-retry" fields={{ id: task.id }} />
            {editable === null ? (
              <p class="note">The exact arguments are not known: begin with what is shown.</p>
            ) : (
              ''
            )}
            <label>
              Arguments, a JSON list
              <textarea name="args" rows={4} spellcheck={false}>
                {editable?.args ?? '[]'}
              </textarea>
            </label>
            <label>
              Keyword arguments, a JSON object
              <textarea name="kwargs" rows={4} spellcheck={false}>
                {editable?.kwargs ?? '{}'}
              </textarea>
            </label>
            <label>
              Queue <input name="queue" value={task.queue ?? ''} />
            </label>
            <button type="submit" class="main">
              Send
            </button>
          </form>
        </details>
      ) : (
        ''
      )}
    </div>
  )
}
