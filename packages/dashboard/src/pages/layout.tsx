import { raw } from 'hono/html'
import type { FC, PropsWithChildren } from 'hono/jsx'
import { type Frame, href } from './frame.js'
import { Act, State, Time } from './parts.js'
import { count } from './words.js'

const PAGES = [
  ['/', 'Overview'],
  ['/tasks', 'Tasks'],
  ['/queues', 'Queues'],
  ['/workers', 'Workers'],
  ['/schedules', 'Schedules'],
  ['/dead-letters', 'Dead letters'],
  ['/workflows', 'Workflows'],
  ['/webhooks', 'Webhooks'],
  ['/limits', 'Limits'],
  ['/jobs', 'Jobs'],
  ['/broker', 'Broker'],
  ['/audit', 'Audit'],
] as const

/** Pages of single items, and the menu page that they belong to. */
const BELONGS: Readonly<Record<string, string>> = {
  task: '/tasks',
  queue: '/queues',
  worker: '/workers',
  'dead-letter': '/dead-letters',
  workflow: '/workflows',
  webhook: '/webhooks',
  'webhook-delivery': '/webhooks',
}

const REASONS = {
  down: 'the dashboard was not running',
  'held-up': 'the dashboard stood still, while RabbitMQ keeps events for seconds only',
  'broker-lost': 'the broker was down',
  'cut-off': 'the broker cut the connection, as Redis does when a burst is too large for it',
  'store-lost': 'the history could not be written',
  'too-fast': 'events came faster than they could be stored',
} as const

/** A whole page. */
export const Layout: FC<
  PropsWithChildren<{ readonly frame: Frame; readonly title: string; readonly live?: boolean }>
> = ({ frame, title, live = true, children }) => {
  const first = frame.path.split('/')[1] ?? ''
  const current = BELONGS[first] ?? `/${first}`
  return (
    <>
      {raw('<!doctype html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${title} · ${frame.fleet} · Lovage`}</title>
          <link rel="icon" href={`${frame.prefix}/assets/icon.svg`} type="image/svg+xml" />
          <link rel="stylesheet" href={`${frame.prefix}/assets/dashboard.css`} />
          <script src={`${frame.prefix}/assets/dashboard.client.js`} defer />
        </head>
        <body {...(live ? { 'data-live': href(frame, '/live') } : {})}>
          <a class="skip" href="#main">
            Skip to the content
          </a>
          <header>
            <a class="brand" href={href(frame, '/')}>
              Lovage
            </a>
            <Fleets frame={frame} />
            <search class="search">
              <form action={`${frame.prefix}/tasks`}>
                {frame.fleet === frame.fleets[0] ? (
                  ''
                ) : (
                  <input type="hidden" name="fleet" value={frame.fleet} />
                )}
                <input
                  type="search"
                  name="q"
                  aria-label="Search tasks"
                  placeholder="Search tasks: name, id, state:FAILURE …"
                  value={frame.path === '/tasks' ? (frame.query.q ?? '') : ''}
                  aria-keyshortcuts="/"
                />
              </form>
            </search>
            <span class="who">
              {frame.readOnly ? <span class="tag">read only</span> : ''} {frame.person.name}{' '}
              <span class="note">{frame.person.role}</span>
              {frame.person.hasSession ? (
                <form class="act" method="post" action={`${frame.prefix}/logout`}>
                  <button type="submit">Sign out</button>
                </form>
              ) : (
                ''
              )}
            </span>
          </header>
          <nav class="menu" aria-label="Pages of the dashboard">
            {PAGES.map(([path, name]) => (
              <a href={href(frame, path)} {...(path === current ? { 'aria-current': 'page' as const } : {})}>
                {name}
              </a>
            ))}
            {live ? (
              <button type="button" class="live" hidden aria-pressed="true">
                Live
              </button>
            ) : (
              ''
            )}
          </nav>
          <main id="main" tabindex={-1} aria-live="off">
            <Said frame={frame} />
            <Troubles frame={frame} />
            {hasFreshGap(frame) ? <Gaps frame={frame} isFresh /> : ''}
            <h1>{title}</h1>
            {children}
            {hasFreshGap(frame) ? '' : <Gaps frame={frame} />}
          </main>
          <p class="unseen" id="told" role="status" aria-live="polite" />
        </body>
      </html>
    </>
  )
}

const Fleets: FC<{ readonly frame: Frame }> = ({ frame }) =>
  frame.fleets.length < 2 ? null : (
    <nav class="fleets" aria-label="Fleets">
      {frame.fleets.map((fleet) => (
        <a
          href={href({ ...frame, fleet }, '/')}
          {...(fleet === frame.fleet ? { 'aria-current': 'true' as const } : {})}
        >
          {fleet}
        </a>
      ))}
    </nav>
  )

/** The outcome of the action that led here. */
const Said: FC<{ readonly frame: Frame }> = ({ frame }) => {
  const { outcome } = frame
  if (!outcome) return null
  return (
    <div class={`said ${outcome.status}`} role="status">
      <State of={outcome.status} /> {outcome.message}{' '}
      {outcome.jobId === undefined ? '' : <a href={href(frame, '/jobs')}>Follow it</a>}
      {outcome.taskId === undefined ? (
        ''
      ) : (
        <a href={href(frame, `/task/${encodeURIComponent(outcome.taskId)}`)}>Show the task</a>
      )}
    </div>
  )
}

const Troubles: FC<{ readonly frame: Frame }> = ({ frame }) =>
  frame.troubles.length === 0 ? null : (
    <ul class="troubles" aria-label="What keeps this page from saying everything">
      {frame.troubles.map((trouble) => (
        <li>
          <span aria-hidden="true">⚠</span> <strong>{trouble.message}</strong> {trouble.advice}{' '}
          {trouble.sinceMs === null ? (
            ''
          ) : (
            <span class="note">
              since <Time ms={trouble.sinceMs} frame={frame} />
            </span>
          )}
          {trouble.action === undefined ? (
            ''
          ) : (
            <Act frame={frame} kind={trouble.action} tone="main">
              Enable events on the fleet
            </Act>
          )}
        </li>
      ))}
    </ul>
  )

/** What was missed lately is news, and stands above the page; older gaps stand below it. */
const FRESH_MS = 3_600_000
const hasFreshGap = ({ gaps, nowMs }: Frame): boolean =>
  gaps.some(({ toMs }) => toMs === null || nowMs - toMs < FRESH_MS)

const Gaps: FC<{ readonly frame: Frame; readonly isFresh?: boolean }> = ({ frame, isFresh = false }) =>
  frame.gaps.length === 0 ? null : (
    <details class={isFresh ? 'gaps fresh' : 'gaps'}>
      <summary>The history has gaps ({frame.gaps.length})</summary>
      <ul>
        {frame.gaps.map((gap) => (
          <li>
            <Time ms={gap.fromMs} frame={frame} exact /> to{' '}
            {gap.toMs === null ? 'now' : <Time ms={gap.toMs} frame={frame} exact />}: {REASONS[gap.reason]}
            {gap.lostEvents === null ? '' : `; ${count(gap.lostEvents)} events are lost`}
            {gap.filled === 0 ? '' : `; ${count(gap.filled)} tasks were found again`}.
          </li>
        ))}
      </ul>
    </details>
  )
