import type { WorkflowNode, WorkflowPage, WorkflowsPage } from '../data/tasks-page.js'
import type { PageView } from '../server/page-views.js'
import { type Frame, frameOf, href, hrefOf } from './frame.js'
import { Layout } from './layout.js'
import { Pager, State, Table, TaskLink, Time } from './parts.js'
import { count, seconds, short } from './words.js'

/** Names of tasks in a title. */
const SHOWN_NAMES = 3

/** The most recently active chains, groups and chords. */
export const workflowsView: PageView<WorkflowsPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { items, next } = page.data
  return (
    <Layout frame={frame} title="Workflows">
      <Table
        caption="Workflows"
        columns={['Began with', { name: 'Tasks', kind: 'number' }, 'States', 'Began']}
        rows={items.length}
        empty="No task has led to another one, or was called in a group, yet."
      >
        {items.map((one) => (
          <tr>
            <th scope="row">
              <a href={hrefOf(frame, 'workflow', one.id)}>
                {one.group === null ? (one.root.name ?? one.root.id) : titleOf(one.group)}
              </a>
            </th>
            <td class="number">{count(one.tasks)}</td>
            <td>
              {Object.entries(one.counts).map(([state, tasks]) => (
                <>
                  <State of={state} /> <span class="note">{count(tasks)}</span>{' '}
                </>
              ))}
            </td>
            <td>
              <Time ms={one.root.sentMs ?? one.root.seenMs} frame={frame} />
            </td>
          </tr>
        ))}
      </Table>
      <Pager older={next === null ? undefined : href(frame, '/workflows', { before: next })} />
    </Layout>
  )
}

/** What a workflow is called by the names of the tasks that it began with. */
const titleOf = (names: readonly string[]): string =>
  names.length === 0 ? 'Workflow' : `Group of ${names.join(', ')}`

const BOX = { width: 190, height: 44, across: 250, down: 60, edge: 12 }

/** One workflow as a layered graph, and as a table. */
export const workflowView: PageView<WorkflowPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { nodes, isCut, counts } = page.data
  const first = nodes.filter(({ layer }) => layer === 0)
  const names = [...new Set(first.map(({ name, id }) => name ?? id))]
  return (
    <Layout
      frame={frame}
      title={first.length === 1 ? (names[0] ?? '') : titleOf(names.slice(0, SHOWN_NAMES))}
    >
      <p class="sub">
        {Object.entries(counts).map(([state, tasks]) => (
          <>
            <State of={state} /> {count(tasks)}{' '}
          </>
        ))}
        {isCut ? <span class="tag warn">only the first {count(nodes.length)} tasks are shown</span> : ''}
      </p>
      <Graph frame={frame} page={page.data} />
      <Table
        caption="Tasks of the workflow"
        columns={[
          'Task',
          'State',
          { name: 'Step', kind: 'number' },
          'Group',
          { name: 'Ran', kind: 'number' },
          'Started',
          'Ended',
        ]}
        rows={nodes.length}
        empty=""
      >
        {nodes.map((node) => (
          <tr>
            <th scope="row">
              <TaskLink frame={frame} id={node.id} name={node.name} />
            </th>
            <td>
              <State of={node.state} />
            </td>
            <td class="number">{node.layer + 1}</td>
            <td class="code">{node.groupId === null ? '–' : short(node.groupId, 9)}</td>
            <td class="number">{seconds(node.runtime)}</td>
            <td>
              <Time ms={node.startedMs} frame={frame} />
            </td>
            <td>
              <Time ms={node.endedMs} frame={frame} />
            </td>
          </tr>
        ))}
      </Table>
    </Layout>
  )
}

function Graph({ frame, page: { nodes, edges } }: { readonly frame: Frame; readonly page: WorkflowPage }) {
  const rows = new Map<number, number>()
  const places = new Map<string, { readonly x: number; readonly y: number; readonly node: WorkflowNode }>()
  for (const node of nodes) {
    const row = rows.get(node.layer) ?? 0
    rows.set(node.layer, row + 1)
    places.set(node.id, { x: BOX.edge + node.layer * BOX.across, y: BOX.edge + row * BOX.down, node })
  }
  const width = BOX.edge * 2 + Math.max(0, ...[...rows.keys()]) * BOX.across + BOX.width
  const height = BOX.edge * 2 + (Math.max(1, ...rows.values()) - 1) * BOX.down + BOX.height
  return (
    <section
      class="scroll graph"
      tabindex={0}
      aria-label="Graph of the workflow; the table below says the same"
    >
      <svg width={width} height={height} aria-hidden="true">
        {edges.map(({ from, to }) => {
          const [a, b] = [places.get(from), places.get(to)]
          if (!a || !b) return ''
          const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2]
          const middle = (x1 + x2) / 2
          return <path class="edge" d={`M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`} />
        })}
        {[...places.values()].map(({ x, y, node }) => (
          <a href={hrefOf(frame, 'task', node.id)} tabindex={-1}>
            <rect class={`node ${node.state}`} x={x} y={y} width={BOX.width} height={BOX.height} rx={6} />
            <text x={x + 10} y={y + 19}>
              {short(node.name ?? node.id, 26)}
            </text>
            <text class="note" x={x + 10} y={y + 35}>
              {`${node.state}${node.runtime === null ? '' : ` · ${seconds(node.runtime)}`}`}
            </text>
          </a>
        ))}
      </svg>
    </section>
  )
}
