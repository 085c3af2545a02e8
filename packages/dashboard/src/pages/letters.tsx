import { GROUPED } from '../data/build-operations.js'
import type { LetterPage, LettersPage } from '../data/operations-pages.js'
import type { PageView } from '../server/page-views.js'
import { frameOf, href, hrefOf, may } from './frame.js'
import { Layout } from './layout.js'
import { Act, Code, Facts, Hidden, Pager, Section, Table, TaskLink, Time } from './parts.js'
import { count, short } from './words.js'

/** The dead letters page: messages that no worker will run again on its own. */
export const lettersView: PageView<LettersPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { request, items, next, groups, groupsOf, byQueue } = page.data
  const { queue, task, reason } = request
  const inQueue = byQueue
    .filter((one) => queue === undefined || one.queue === queue)
    .reduce((sum, one) => sum + one.count, 0)
  // The counts by queue know neither tasks nor reasons.
  const found = task === undefined && reason === undefined ? inQueue : Math.min(inQueue, groupsOf)
  const isLeast = found < inQueue && found >= GROUPED
  const foundWords = `${isLeast ? 'at least ' : ''}${count(found)}`
  const filter = { queue, task, reason }
  return (
    <Layout frame={frame} title="Dead letters">
      <form class="filter" action={`${frame.prefix}/dead-letters`}>
        {frame.fleet === frame.fleets[0] ? '' : <input type="hidden" name="fleet" value={frame.fleet} />}
        <label>
          Queue{' '}
          <select name="queue">
            <option value="">all</option>
            {byQueue.map((one) => (
              <option value={one.queue} selected={one.queue === queue}>
                {`${one.queue} (${one.count})`}
              </option>
            ))}
          </select>
        </label>
        <label>
          Task <input name="task" value={task ?? ''} />
        </label>
        <label>
          Reason <input name="reason" value={reason ?? ''} />
        </label>
        <button type="submit">Show</button>
      </form>
      {groups.length < 2 ? (
        ''
      ) : (
        <Section title="By error" note={`of ${count(groupsOf)} letters that were examined`}>
          <Table
            caption="Dead letters by error"
            columns={['Task', 'Reason', 'Error', { name: 'Letters', kind: 'number' }, 'Newest']}
            rows={groups.length}
            empty=""
          >
            {groups.map((one) => (
              <tr>
                <th scope="row">
                  <a href={href(frame, '/dead-letters', { queue, task: one.task, reason: one.reason })}>
                    {one.task ?? 'unreadable'}
                  </a>
                </th>
                <td>{one.reason}</td>
                <td>{one.errorType}</td>
                <td class="number">{count(one.count)}</td>
                <td>
                  <Time ms={one.newestMs} frame={frame} />
                </td>
              </tr>
            ))}
          </Table>
        </Section>
      )}
      <form method="post" action={href(frame, '/actions')} class="bulk">
        <input type="hidden" name="back" value={frame.here} />
        <Table
          caption="Dead letters"
          columns={[
            { name: '', kind: 'narrow' },
            'Task',
            'Queue',
            'Reason',
            'Error',
            { name: 'Retries', kind: 'number' },
            'Worker',
            'Failed',
          ]}
          rows={items.length}
          empty="There are no dead letters."
        >
          {items.map((line) => (
            <tr>
              <td class="narrow">
                <input
                  type="checkbox"
                  name="ids"
                  value={line.id}
                  aria-label={`Choose ${line.task ?? line.id}`}
                />
              </td>
              <th scope="row">
                <a href={hrefOf(frame, 'dead-letter', line.id)}>{line.task ?? 'unreadable'}</a>
              </th>
              <td>{line.queue}</td>
              <td>{line.reason}</td>
              <td class="code bad">{short(`${line.errorType}: ${line.errorMessage}`)}</td>
              <td class="number">{count(line.retries)}</td>
              <td>{short(line.worker, 28)}</td>
              <td>
                <Time ms={line.failedMs} frame={frame} />
              </td>
            </tr>
          ))}
        </Table>
        {items.length === 0 ? (
          ''
        ) : (
          <fieldset class="acts" aria-label="Actions on the ticked letters">
            <span class="note">With the selected:</span>
            {may(frame, 'letter.redrive') ? (
              <button type="submit" name="kind" value="letter.redrive" class="main">
                Send again
              </button>
            ) : (
              ''
            )}
            {may(frame, 'letter.purge') ? (
              <button
                type="submit"
                name="kind"
                value="letter.purge"
                class="danger"
                data-confirm="Remove the selected letters for good?"
              >
                Remove
              </button>
            ) : (
              ''
            )}
          </fieldset>
        )}
      </form>
      {items.length === 0 || !may(frame, 'letter.redrive') ? (
        ''
      ) : (
        <details class="edit">
          <summary>With all matching ({foundWords})</summary>
          <form class="act" method="post" action={href(frame, '/actions')}>
            <Hidden frame={frame} kind="letter.redrive" fields={{ ...filter, expected: found }} />
            <label>
              Letters a second <input name="rate_per_second" type="number" min={1} placeholder="no limit" />
            </label>
            <label>
              To queue <input name="to" placeholder="their own" />
            </label>
            <button type="submit" class="main">
              Send all again
            </button>
          </form>
          <Act
            frame={frame}
            kind="letter.purge"
            fields={{ ...filter, expected: found }}
            tone="danger"
            confirm={`Remove ${foundWords} dead letters for good?`}
          >
            Remove all
          </Act>
        </details>
      )}
      <Pager
        older={next === null ? undefined : href(frame, '/dead-letters', { ...filter, after: next })}
        words={['Newer', 'Older']}
      />
    </Layout>
  )
}

/** One dead letter, to be inspected, edited and redriven. */
export const letterView: PageView<LetterPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { line, traceback, attempts, redrives, args, kwargs, unreadable } = page.data
  // The letter's own page is gone once it was sent or removed.
  const back = href(frame, '/dead-letters')
  return (
    <Layout frame={frame} title={line.task ?? 'Unreadable message'}>
      <p class="error">{`${line.errorType}: ${line.errorMessage}`}</p>
      <div class="acts">
        <Act frame={frame} kind="letter.redrive" fields={{ ids: line.id }} tone="main" back={back}>
          Send again
        </Act>
        <Act
          frame={frame}
          kind="letter.purge"
          fields={{ ids: line.id }}
          tone="danger"
          back={back}
          confirm="Remove this letter for good?"
        >
          Remove
        </Act>
        {may(frame, 'letter.edit') && args !== null && kwargs !== null ? (
          <details class="edit">
            <summary>Edit and send again</summary>
            <form method="post" action={href(frame, '/actions')}>
              <Hidden frame={frame} kind="letter.edit" fields={{ id: line.id }} back={back} />
              <label>
                Arguments, a JSON list
                <textarea name="args" rows={4} spellcheck={false}>
                  {args}
                </textarea>
              </label>
              <label>
                Keyword arguments, a JSON object
                <textarea name="kwargs" rows={4} spellcheck={false}>
                  {kwargs}
                </textarea>
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
      <Facts
        of={[
          [
            'Task',
            line.taskId === null ? '–' : <TaskLink frame={frame} id={line.taskId} name={line.taskId} />,
          ],
          ['Queue', <a href={hrefOf(frame, 'queue', line.queue)}>{line.queue}</a>],
          ['Reason', line.reason],
          ['Failed', <Time ms={line.failedMs} frame={frame} exact />],
          ['Worker', line.worker],
          ['Retries', count(line.retries)],
          ['Sent again', count(redrives)],
          ...(unreadable === null ? [] : ([['Unreadable', unreadable]] as const)),
          ...(args === null ? [] : ([['Arguments', <Code text={args} json label="Arguments" />]] as const)),
          ...(kwargs === null
            ? []
            : ([['Keywords', <Code text={kwargs} json label="Keyword arguments" />]] as const)),
        ]}
      />
      <Section title="Attempts">
        <Table
          caption="Attempts"
          columns={['When', 'Error']}
          rows={attempts.length}
          empty="No earlier attempts are known."
        >
          {attempts.map((one) => (
            <tr>
              <td>
                <Time ms={one.atMs} frame={frame} exact />
              </td>
              <td>
                <details>
                  <summary>{`${one.type}: ${one.message}`}</summary>
                  <Code text={one.traceback ?? 'No traceback.'} label="Traceback" />
                </details>
              </td>
            </tr>
          ))}
        </Table>
      </Section>
      {traceback === null ? (
        ''
      ) : (
        <Section title="Traceback">
          <Code text={traceback} label="Traceback" />
        </Section>
      )}
    </Layout>
  )
}
