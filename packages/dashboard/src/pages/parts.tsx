import type { Child, FC, PropsWithChildren } from 'hono/jsx'
import type { ActionKind } from '../actions/action.js'
import { type Frame, href, hrefOf, may } from './frame.js'
import { ago, laidOut, short, stamp } from './words.js'

/** Shape and tone of each state: shown by word and shape, never by colour alone. */
const STATES: Readonly<Record<string, readonly [shape: string, tone: string]>> = {
  PENDING: ['○', 'idle'],
  SENT: ['○', 'idle'],
  RECEIVED: ['◔', 'idle'],
  STARTED: ['◐', 'busy'],
  PROGRESS: ['◑', 'busy'],
  RETRY: ['↻', 'warn'],
  SUCCESS: ['✓', 'good'],
  FAILURE: ['✕', 'bad'],
  REVOKED: ['⊘', 'warn'],
  REJECTED: ['⊗', 'bad'],
  alive: ['●', 'good'],
  offline: ['○', 'idle'],
  lost: ['✕', 'bad'],
  ready: ['○', 'idle'],
  delayed: ['◷', 'idle'],
  unacked: ['◐', 'busy'],
  sent: ['○', 'idle'],
  received: ['◔', 'idle'],
  started: ['◐', 'busy'],
  progress: ['◑', 'busy'],
  running: ['◐', 'busy'],
  waiting: ['○', 'idle'],
  succeeded: ['✓', 'good'],
  done: ['✓', 'good'],
  failed: ['✕', 'bad'],
  refused: ['⊘', 'warn'],
  invalid: ['⊘', 'warn'],
  begun: ['◐', 'busy'],
  retried: ['↻', 'warn'],
  revoked: ['⊘', 'warn'],
  rejected: ['⊗', 'bad'],
  stopped: ['⊘', 'warn'],
  interrupted: ['✕', 'bad'],
  failing: ['✕', 'bad'],
  disabled: ['⊘', 'warn'],
  working: ['✓', 'good'],
  idle: ['○', 'idle'],
  pending: ['○', 'idle'],
  processing: ['◐', 'busy'],
  held: ['⊘', 'warn'],
  success: ['✓', 'good'],
  exhausted: ['✕', 'bad'],
  cancelled: ['⊘', 'warn'],
}

/** A state as a badge. */
export const State: FC<{ readonly of: string }> = ({ of }) => {
  const [shape, tone] = STATES[of] ?? ['◇', 'idle']
  return (
    <span class={`state ${tone}`}>
      <span aria-hidden="true">{shape}</span> {of}
    </span>
  )
}

/** A time: how long ago, with the exact time as a tooltip. */
export const Time: FC<{ readonly ms: number | null; readonly frame: Frame; readonly exact?: boolean }> = ({
  ms,
  frame,
  exact = false,
}) =>
  ms === null ? (
    <span class="none">–</span>
  ) : (
    <time datetime={new Date(ms).toISOString()} title={`${new Date(ms).toISOString()} (UTC)`}>
      {exact ? stamp(ms) : ago(ms, frame.nowMs)}
    </time>
  )

/** One figure of a summary, with a link to the page that explains it. */
export const Figure: FC<{
  readonly label: string
  readonly value: Child
  readonly note?: Child
  readonly to?: string
  readonly tone?: 'good' | 'warn' | 'bad'
}> = ({ label, value, note, to, tone }) => {
  const inner = (
    <>
      <span class="label">{label}</span>
      <span class={`value ${tone ?? ''}`}>{value}</span>
      {note === undefined ? '' : <span class="note">{note}</span>}
    </>
  )
  return to === undefined ? (
    <div class="figure">{inner}</div>
  ) : (
    <a class="figure" href={to}>
      {inner}
    </a>
  )
}

/** A section with a heading. */
export const Section: FC<
  PropsWithChildren<{ readonly title: string; readonly note?: Child; readonly id?: string }>
> = ({ title, note, id, children }) => (
  <section {...(id === undefined ? {} : { id })}>
    <h2>
      {title} {note === undefined ? '' : <span class="note">{note}</span>}
    </h2>
    {children}
  </section>
)

/** A table with a caption for screen readers, and a sentence when it is empty. */
export const Table: FC<
  PropsWithChildren<{
    readonly caption: string
    readonly columns: readonly (string | { readonly name: string; readonly kind: 'number' | 'narrow' })[]
    readonly rows: number
    readonly empty: string
  }>
> = ({ caption, columns, rows, empty, children }) =>
  rows === 0 ? (
    <p class="empty">{empty}</p>
  ) : (
    <section class="scroll" tabindex={0} aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) =>
              typeof column === 'string' ? (
                <th scope="col">{column}</th>
              ) : (
                <th scope="col" class={column.kind}>
                  {column.name === '' ? <span class="unseen">Actions</span> : column.name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )

/** A button for one action; absent where the user may not perform it. */
export const Act: FC<
  PropsWithChildren<{
    readonly frame: Frame
    readonly kind: ActionKind
    readonly fields?: Readonly<Record<string, string | number | undefined>>
    readonly tone?: 'danger' | 'main'
    /** A confirmation question, where scripts run. */
    readonly confirm?: string
    readonly title?: string
    /** Where to go afterwards, if not back to this page. */
    readonly back?: string
  }>
> = ({ frame, kind, fields = {}, tone, confirm, title, back, children }) =>
  may(frame, kind) ? (
    <form
      class="act"
      method="post"
      action={href(frame, '/actions')}
      {...(confirm ? { 'data-confirm': confirm } : {})}
    >
      <Hidden frame={frame} kind={kind} fields={fields} {...(back ? { back } : {})} />
      <button type="submit" class={tone ?? ''} {...(title ? { title } : {})}>
        {children}
      </button>
    </form>
  ) : null

/** The hidden fields of an action's form. */
export const Hidden: FC<{
  readonly frame: Frame
  readonly kind: ActionKind
  readonly fields?: Readonly<Record<string, string | number | undefined>>
  /** Where to go afterwards, if not back to this page. */
  readonly back?: string
}> = ({ frame, kind, fields = {}, back = frame.here }) => (
  <>
    <input type="hidden" name="kind" value={kind} />
    <input type="hidden" name="back" value={back} />
    {Object.entries(fields).map(([name, value]) =>
      value === undefined ? '' : <input type="hidden" name={name} value={String(value)} />,
    )}
  </>
)

/** A link to a task by its id. */
export const TaskLink: FC<{ readonly frame: Frame; readonly id: string; readonly name?: string | null }> = ({
  frame,
  id,
  name,
}) => (
  <a class="id" href={hrefOf(frame, 'task', id)} title={id}>
    {name ?? short(id, 13)}
  </a>
)

/** Code in lines. */
export const Code: FC<{ readonly text: string; readonly json?: boolean; readonly label: string }> = ({
  text,
  json = false,
  label,
}) => (
  <section class="code" tabindex={0} aria-label={label}>
    <pre>
      <code>{json ? laidOut(text) : text}</code>
    </pre>
  </section>
)

/** Names and values. */
export const Facts: FC<{ readonly of: readonly (readonly [name: string, value: Child])[] }> = ({ of }) => (
  <dl class="facts">
    {of.map(([name, value]) => (
      <>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </>
    ))}
  </dl>
)

/** Links to the pages before and after. */
export const Pager: FC<{
  readonly newer?: string | undefined
  readonly older?: string | undefined
  readonly words?: readonly [string, string]
}> = ({ newer, older, words = ['Newer', 'Older'] }) =>
  newer === undefined && older === undefined ? null : (
    <nav class="pager" aria-label="Pages">
      {newer === undefined ? <span /> : <a href={newer} rel="prev">{`← ${words[0]}`}</a>}
      {older === undefined ? <span /> : <a href={older} rel="next">{`${words[1]} →`}</a>}
    </nav>
  )
