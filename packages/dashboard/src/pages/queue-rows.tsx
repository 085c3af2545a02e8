import type { FC } from 'hono/jsx'
import type { QueueLine } from '../data/overview.js'
import { type Frame, href, hrefOf } from './frame.js'
import { Act } from './parts.js'
import { count, known } from './words.js'

export const QUEUE_COLUMNS = [
  'Queue',
  { name: 'Waiting', kind: 'number' },
  { name: 'Delayed', kind: 'number' },
  { name: 'Unacked', kind: 'number' },
  { name: 'Total', kind: 'number' },
  { name: 'Dead', kind: 'number' },
  { name: 'Consumers', kind: 'number' },
  { name: '', kind: 'narrow' },
] as const

/** Queues in a list: ready, delayed and unacknowledged messages, separately and in total. */
export const QueueRows: FC<{ readonly frame: Frame; readonly of: readonly QueueLine[] }> = ({
  frame,
  of,
}) => (
  <>
    {of.map((line) => (
      <tr>
        <th scope="row">
          <a href={hrefOf(frame, 'queue', line.name)}>{line.name}</a>{' '}
          {line.isPaused ? <span class="tag warn">paused</span> : ''}
          {line.consumers === 0 && line.ready > 0 ? <span class="tag bad">no consumer</span> : ''}
        </th>
        <td class="number">{count(line.ready)}</td>
        <td class="number">{known(line.delayed)}</td>
        <td class="number">{known(line.unacked)}</td>
        <td class="number strong">{count(line.ready + (line.delayed ?? 0) + (line.unacked ?? 0))}</td>
        <td class="number">
          {line.dead === 0 ? (
            '0'
          ) : (
            <a href={href(frame, '/dead-letters', { queue: line.name })}>{count(line.dead)}</a>
          )}
        </td>
        <td class="number">{known(line.consumers)}</td>
        <td class="narrow">
          <Act
            frame={frame}
            kind={line.isPaused ? 'queue.resume' : 'queue.pause'}
            fields={{ queue: line.name }}
          >
            {line.isPaused ? 'Resume' : 'Pause'}
          </Act>
        </td>
      </tr>
    ))}
  </>
)
