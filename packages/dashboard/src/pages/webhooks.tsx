import type { FC } from 'hono/jsx'
import type { EndpointLine, WebhookDeliveryPage, WebhookPage, WebhooksPage } from '../data/webhooks-pages.js'
import type { PageView } from '../server/page-views.js'
import { DELIVERY_STATES, type WebhookDelivery } from '../webhooks/webhooks-port.js'
import { type Frame, frameOf, href, may } from './frame.js'
import { Layout } from './layout.js'
import { Act, Code, Facts, Hidden, Pager, Section, State, Table, Time } from './parts.js'
import { count, seconds, short } from './words.js'

const COUNTED = 100
const atMost = (value: number): string => (value >= COUNTED ? `${COUNTED} or more` : count(value))
/** The tenant is part of the URL unless it is the usual one. */
const of = (tenant: string) => (tenant === 'default' ? undefined : tenant)

/** The webhooks page: which receivers fail? */
export const webhooksView: PageView<WebhooksPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { isWatched, trouble, tenant, items, isWhole } = page.data
  return (
    <Layout frame={frame} title="Webhooks">
      {isWatched ? '' : <NotWatched />}
      {trouble === null ? '' : <p class="wrong">The store of the webhooks does not answer: {trouble}</p>}
      {isWatched ? (
        <form class="filter" action={`${frame.prefix}/webhooks`}>
          {frame.fleet === frame.fleets[0] ? '' : <input type="hidden" name="fleet" value={frame.fleet} />}
          <label>
            Tenant <input name="tenant" value={tenant} />
          </label>
          <button type="submit">Show</button>
        </form>
      ) : (
        ''
      )}
      {isWatched && trouble === null ? (
        <Table
          caption="Endpoints, failing ones first"
          columns={[
            'Endpoint',
            'State',
            { name: 'Recent failures', kind: 'number' },
            { name: 'Undelivered', kind: 'number' },
            { name: 'Given up', kind: 'number' },
            'Last attempt',
            'Error',
          ]}
          rows={items.length}
          empty={`The tenant ${tenant} has no endpoints.`}
        >
          {items.map((line) => (
            <tr>
              <th scope="row">
                <a href={href(frame, `/webhook/${encodeURIComponent(line.id)}`, { tenant: of(tenant) })}>
                  {short(line.url, 60)}
                </a>
              </th>
              <td>
                <EndpointState line={line} />
              </td>
              <td class={`number ${line.failed > 0 ? 'bad' : ''}`}>{`${line.failed} of ${line.attempts}`}</td>
              <td class="number">{atMost(line.unfinished)}</td>
              <td class="number">{atMost(line.lost)}</td>
              <td>
                <Time ms={line.lastAttemptMs} frame={frame} />
              </td>
              <td class="code bad">{short(line.lastError ?? '', 80)}</td>
            </tr>
          ))}
        </Table>
      ) : (
        ''
      )}
      {isWhole ? (
        ''
      ) : (
        <p class="note">There are more endpoints; these are the first {count(items.length)}.</p>
      )}
    </Layout>
  )
}

const NotWatched: FC = () => (
  <p class="empty">
    This dashboard watches no webhooks. Start it with <code>--webhooks=postgresql://…</code> or{' '}
    <code>--webhooks=sqlite:///path</code>, the store that <code>@lovage/webhooks</code> uses.
  </p>
)

const EndpointState: FC<{ readonly line: EndpointLine }> = ({ line }) => (
  <>
    <State of={line.state} />{' '}
    {line.disabledReason === null ? '' : <span class="note">off: {line.disabledReason}</span>}
  </>
)

const HOUR_MS = 3_600_000
const SPANS = [
  ['hour', HOUR_MS],
  ['day', 24 * HOUR_MS],
  ['week', 7 * 24 * HOUR_MS],
] as const

/** The page of an endpoint. */
export const webhookView: PageView<WebhookPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { tenant, line, endpoint, state, deliveries, next } = page.data
  const fields = { tenant: of(tenant), endpoint: line.id }
  const path = `/webhook/${encodeURIComponent(line.id)}`
  return (
    <Layout frame={frame} title={short(line.url, 80)}>
      {line.lastError === null ? '' : <p class="error">{line.lastError}</p>}
      <div class="acts">
        {endpoint.isEnabled ? (
          <Act frame={frame} kind="webhook.disable" fields={fields}>
            Disable
          </Act>
        ) : (
          <Act frame={frame} kind="webhook.enable" fields={fields} tone="main">
            Enable
          </Act>
        )}
        {SPANS.map(([name, ms]) => (
          <Act frame={frame} kind="webhook.replay-all" fields={{ ...fields, sinceMs: frame.nowMs - ms }}>
            {`Replay what failed in the last ${name}`}
          </Act>
        ))}
      </div>
      <Facts
        of={[
          ['State', <EndpointState line={line} />],
          ['Newest attempts', `${line.failed} of ${line.attempts} failed`],
          ['Undelivered', atMost(line.unfinished)],
          ['Given up or cancelled', atMost(line.lost)],
          ['Events', endpoint.eventTypes.length === 0 ? 'all' : endpoint.eventTypes.join(', ')],
          ['Timeout', seconds(endpoint.timeoutMs / 1000)],
          ['Limits', limitsOf(endpoint)],
          ['Order', endpoint.order === 'key' ? 'one at a time for each key' : 'none'],
          ['Description', endpoint.description === '' ? '–' : endpoint.description],
          ['Id', line.id],
        ]}
      />
      <Section title="Deliveries" id="deliveries">
        <form class="filter" action={`${frame.prefix}${path}`}>
          {of(tenant) === undefined ? '' : <input type="hidden" name="tenant" value={tenant} />}
          {frame.fleet === frame.fleets[0] ? '' : <input type="hidden" name="fleet" value={frame.fleet} />}
          <label>
            State{' '}
            <select name="state">
              <option value="">all</option>
              {DELIVERY_STATES.map((one) => (
                <option value={one} selected={one === state}>
                  {one}
                </option>
              ))}
            </select>
          </label>
          <button type="submit">Show</button>
        </form>
        <Deliveries frame={frame} tenant={tenant} deliveries={deliveries} />
        <Pager
          older={next === null ? undefined : href(frame, path, { tenant: of(tenant), state, after: next })}
        />
      </Section>
    </Layout>
  )
}

const Deliveries: FC<{
  readonly frame: Frame
  readonly tenant: string
  readonly deliveries: readonly WebhookDelivery[]
}> = ({ frame, tenant, deliveries }) => (
  <form method="post" action={href(frame, '/actions')} class="bulk">
    <Hidden frame={frame} kind="webhook.replay" fields={{ tenant: of(tenant) }} />
    <Table
      caption="Deliveries"
      columns={[
        { name: '', kind: 'narrow' },
        'Event',
        'State',
        { name: 'Attempts', kind: 'number' },
        'Last outcome',
        'Changed',
        'Next attempt',
      ]}
      rows={deliveries.length}
      empty="There are no such deliveries."
    >
      {deliveries.map((one) => (
        <tr>
          <td class="narrow">
            <input
              type="checkbox"
              name="ids"
              value={one.id}
              aria-label={`Choose ${one.eventType} ${one.id}`}
            />
          </td>
          <th scope="row">
            <a href={href(frame, `/webhook-delivery/${encodeURIComponent(one.id)}`, { tenant: of(tenant) })}>
              {one.eventType}
            </a>
          </th>
          <td>
            <State of={one.state} />{' '}
            {one.waitsFor === null ? '' : <span class="note">waits for: {one.waitsFor}</span>}
          </td>
          <td class="number">{count(one.attempts)}</td>
          <td>{outcomeOf(one.lastOutcome, one.lastStatus)}</td>
          <td>
            <Time ms={one.updatedAtMs} frame={frame} />
          </td>
          <td>
            <Time ms={one.nextAttemptAtMs} frame={frame} />
          </td>
        </tr>
      ))}
    </Table>
    {deliveries.length > 0 && may(frame, 'webhook.replay') ? (
      <fieldset class="acts" aria-label="Actions on the ticked deliveries">
        <span class="note">With the selected:</span>
        <button type="submit" class="main">
          Replay
        </button>
      </fieldset>
    ) : (
      ''
    )}
  </form>
)

/** The page of a delivery: what the receiver answered, each time. */
export const webhookDeliveryView: PageView<WebhookDeliveryPage> = (page, context) => {
  const frame = frameOf(page, context)
  const { tenant, delivery, url, attempts, isWhole } = page.data
  const waits = ['pending', 'failed', 'held'].includes(delivery.state)
  return (
    <Layout frame={frame} title={delivery.eventType}>
      <div class="acts">
        <Act
          frame={frame}
          kind="webhook.replay"
          fields={{ ids: delivery.id, tenant: of(tenant) }}
          tone="main"
        >
          Replay now
        </Act>
        {waits ? (
          <Act
            frame={frame}
            kind="webhook.cancel"
            fields={{ id: delivery.id, tenant: of(tenant) }}
            tone="danger"
          >
            Cancel
          </Act>
        ) : (
          ''
        )}
      </div>
      <Facts
        of={[
          ['State', <State of={delivery.state} />],
          [
            'Endpoint',
            <a
              href={href(frame, `/webhook/${encodeURIComponent(delivery.endpointId)}`, {
                tenant: of(tenant),
              })}
            >
              {url ?? delivery.endpointId}
            </a>,
          ],
          ['Event', delivery.eventId],
          ['Sent', <Time ms={delivery.createdAtMs} frame={frame} exact />],
          ['Next attempt', <Time ms={delivery.nextAttemptAtMs} frame={frame} exact />],
          ['Waits for', delivery.waitsFor ?? '–'],
        ]}
      />
      <Section title="Attempts" note={isWhole ? undefined : `the newest ${attempts.length}`}>
        {attempts.length === 0 ? <p class="empty">There was no attempt yet.</p> : ''}
        {attempts.map((one) => (
          <article>
            <h3>
              <State of={one.outcome === 'success' ? 'succeeded' : 'failed'} />{' '}
              {outcomeOf(one.outcome, one.status)}{' '}
              <span class="note">
                {one.number === 0 ? one.trigger : `attempt ${one.number}, ${one.trigger}`},{' '}
                {seconds(one.durationMs / 1000)}, <Time ms={one.startedAtMs} frame={frame} exact />
              </span>
            </h3>
            {one.error === null ? '' : <p class="error">{one.error}</p>}
            {one.responseBody === null || one.responseBody.text === '' ? (
              ''
            ) : (
              <Code
                label="The beginning of the answer"
                text={`${one.responseBody.text}${one.responseBody.isTruncated ? '…' : ''}`}
              />
            )}
          </article>
        ))}
      </Section>
    </Layout>
  )
}

const outcomeOf = (outcome: string | null, status: number | null): string =>
  outcome === null ? '–' : status === null ? outcome : `${outcome} ${status}`

const limitsOf = ({
  ratePerMinute,
  concurrency,
}: {
  readonly ratePerMinute: number | null
  readonly concurrency: number | null
}): string =>
  [
    ratePerMinute === null ? 'no rate limit' : `${count(ratePerMinute)} a minute`,
    concurrency === null ? 'any at the same time' : `${count(concurrency)} at the same time`,
  ].join(', ')
