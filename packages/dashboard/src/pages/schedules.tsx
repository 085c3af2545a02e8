import type { SchedulesPage } from '../data/operations-pages.js'
import type { PageView } from '../server/page-views.js'
import { frameOf } from './frame.js'
import { Layout } from './layout.js'
import { Act, State, Table, TaskLink, Time } from './parts.js'
import { count, short } from './words.js'

/** The schedule: tasks that beat sends, and when. */
export const schedulesView: PageView<SchedulesPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { location, trouble, items } = page.data
  return (
    <Layout frame={frame} title="Schedules">
      <p class="sub">
        {trouble === null ? '' : <span class="tag bad">{trouble}</span>}{' '}
        {location === null ? 'This fleet has no schedule that can be read.' : `Stored in ${location}.`}
      </p>
      <Table
        caption="Entries of the schedule"
        columns={[
          'Entry',
          'When',
          'Task',
          'Next',
          'Last run',
          { name: 'Runs', kind: 'number' },
          { name: '', kind: 'narrow' },
        ]}
        rows={items.length}
        empty="The schedule has no entries."
      >
        {items.map((entry) => (
          <tr {...(entry.enabled ? {} : { class: 'off' })}>
            <th scope="row">
              {entry.name} {entry.enabled ? '' : <span class="tag">disabled</span>}{' '}
              {entry.changed.length === 0 ? (
                ''
              ) : (
                <span class="tag warn" title={entry.changed.join(', ')}>
                  changed by an operator
                </span>
              )}
              {entry.trouble === null ? '' : <span class="tag bad">{entry.trouble}</span>}
            </th>
            <td>
              {entry.schedule} <span class="note">{entry.timezone}</span>
            </td>
            <td class="code">
              {entry.task}{' '}
              {short(
                `${entry.args === '[]' ? '' : entry.args} ${entry.kwargs === '{}' ? '' : entry.kwargs}`,
                40,
              )}
            </td>
            <td>
              <Time ms={entry.enabled ? entry.nextMs : null} frame={frame} />
              {entry.owedSinceMs === null ? (
                ''
              ) : (
                <span class="tag bad">
                  owed since <Time ms={entry.owedSinceMs} frame={frame} />
                </span>
              )}
            </td>
            <td>
              {entry.lastTaskId === null ? (
                <Time ms={entry.lastRunMs} frame={frame} />
              ) : (
                <TaskLink frame={frame} id={entry.lastTaskId} />
              )}{' '}
              {entry.lastTaskId === null ? '' : <Time ms={entry.lastRunMs} frame={frame} />}{' '}
              {entry.lastState === null ? '' : <State of={entry.lastState} />}
            </td>
            <td class="number">{count(entry.runs)}</td>
            <td class="narrow">
              <Act frame={frame} kind="schedule.run" fields={{ entry: entry.name }}>
                Run now
              </Act>
              <Act
                frame={frame}
                kind={entry.enabled ? 'schedule.disable' : 'schedule.enable'}
                fields={{ entry: entry.name }}
              >
                {entry.enabled ? 'Disable' : 'Enable'}
              </Act>
            </td>
          </tr>
        ))}
      </Table>
    </Layout>
  )
}
