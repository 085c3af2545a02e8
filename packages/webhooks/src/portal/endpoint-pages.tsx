import type { FC } from 'hono/jsx'
import type { Delivery, Endpoint, EndpointSecret, NewSecret } from '../domain/index.js'
import type { Listing } from '../store/index.js'
import { EndpointForm } from './endpoint-form.js'
import { Act, Layout, Time } from './layout.js'
import type { Session } from './session.js'

/** The first page: the tenant's endpoints, and a form for another. */
export const EndpointsPage: FC<{
  readonly session: Session
  readonly endpoints: Listing<Endpoint>
  readonly types: readonly string[]
  readonly newId: string
  readonly said?: string | undefined
}> = ({ session, endpoints, types, newId, said }) => (
  <Layout title="Endpoints" session={session} said={said}>
    {endpoints.items.length === 0 ? (
      <p>There is no endpoint yet.</p>
    ) : (
      <table>
        <thead>
          <tr>
            <th scope="col">URL</th>
            <th scope="col">Event types</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {endpoints.items.map((endpoint) => (
            <tr>
              <td>
                <a href={`/portal/endpoints/${endpoint.id}`}>{endpoint.url}</a>
                {endpoint.description === '' ? null : <small> {endpoint.description}</small>}
              </td>
              <td>{endpoint.eventTypes.join(', ') || 'all'}</td>
              <td>
                <State endpoint={endpoint} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    )}
    {endpoints.next === null ? null : (
      <p>
        <a href={`/portal?after=${encodeURIComponent(endpoints.next)}`}>More</a>
      </p>
    )}
    <h2>Add an endpoint</h2>
    <EndpointForm session={session} to="/portal/endpoints" types={types} newId={newId} />
  </Layout>
)

/** An endpoint with its secrets and its latest deliveries. */
export const EndpointPage: FC<{
  readonly session: Session
  readonly endpoint: Endpoint
  readonly secrets: readonly EndpointSecret[]
  readonly deliveries: Listing<Delivery>
  readonly state: string
  readonly types: readonly string[]
  readonly said?: string | undefined
}> = ({ session, endpoint, secrets, deliveries, state, types, said }) => {
  const path = `/portal/endpoints/${endpoint.id}`
  return (
    <Layout title={endpoint.url} session={session} said={said}>
      <p>
        <State endpoint={endpoint} /> <code>{endpoint.id}</code>
      </p>
      <div class="acts">
        <Act session={session} to={`${path}/test`} label="Send a test event" />
        {endpoint.isEnabled ? (
          <Act session={session} to={`${path}/disable`} label="Disable" />
        ) : (
          <Act session={session} to={`${path}/enable`} label="Enable" />
        )}
        <Act session={session} to={`${path}/rotate`} label="New secret" />
      </div>
      <h2>Deliveries</h2>
      <p class="filter">
        {['', 'failed', 'exhausted', 'held', 'success'].map((each) => (
          <a
            href={each === '' ? path : `${path}?state=${each}`}
            {...(each === state ? { 'aria-current': 'page' } : {})}
          >
            {each || 'all'}
          </a>
        ))}
      </p>
      <DeliveryTable deliveries={deliveries.items} />
      {deliveries.next === null ? null : (
        <p>
          <a
            href={`${path}?after=${encodeURIComponent(deliveries.next)}${state === '' ? '' : `&state=${state}`}`}
          >
            More
          </a>
        </p>
      )}
      <h2>Secrets</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Scheme</th>
            <th scope="col">Public key</th>
            <th scope="col">Since</th>
            <th scope="col">Signs until</th>
          </tr>
        </thead>
        <tbody>
          {secrets.map(({ scheme, publicKey, createdAtMs, expiresAtMs }) => (
            <tr>
              <td>{scheme}</td>
              <td>{publicKey === null ? '-' : <code>{publicKey}</code>}</td>
              <td>
                <Time ms={createdAtMs} />
              </td>
              <td>{expiresAtMs === null ? 'it is replaced' : <Time ms={expiresAtMs} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h2>Change</h2>
      <EndpointForm session={session} to={path} types={types} endpoint={endpoint} />
      <details>
        <summary>Delete</summary>
        <p>Waiting deliveries are cancelled. This cannot be undone.</p>
        <Act session={session} to={`${path}/delete`} label="Delete this endpoint" danger />
      </details>
    </Layout>
  )
}

/** A secret, shown this once. */
export const SecretPage: FC<{
  readonly session: Session
  readonly endpointId: string
  readonly secrets: readonly NewSecret[]
}> = ({ session, endpointId, secrets }) => (
  <Layout title="The secret" session={session}>
    <p>Copy it now: it is shown only once. The receiver verifies signatures with it.</p>
    {secrets.map(({ secret, publicKey }) => (
      <p>
        <code class="secret">{secret ?? publicKey}</code>
      </p>
    ))}
    <p>
      <a href={`/portal/endpoints/${endpointId}`}>To the endpoint</a>
    </p>
  </Layout>
)

const DeliveryTable: FC<{ readonly deliveries: readonly Delivery[] }> = ({ deliveries }) =>
  deliveries.length === 0 ? (
    <p>There is none.</p>
  ) : (
    <table>
      <thead>
        <tr>
          <th scope="col">Event</th>
          <th scope="col">State</th>
          <th scope="col">Attempts</th>
          <th scope="col">Last answer</th>
          <th scope="col">Since</th>
        </tr>
      </thead>
      <tbody>
        {deliveries.map((delivery) => (
          <tr>
            <td>
              <a href={`/portal/deliveries/${delivery.id}`}>{delivery.eventType}</a>
            </td>
            <td>{delivery.state}</td>
            <td>{String(delivery.attempts)}</td>
            <td>{delivery.lastStatus ?? delivery.lastOutcome ?? '-'}</td>
            <td>
              <Time ms={delivery.createdAtMs} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )

const REASONS = {
  manual: 'disabled',
  gone: 'disabled: it answered 410 Gone',
  failing: 'disabled: every attempt failed for days',
} as const

const State: FC<{ readonly endpoint: Endpoint }> = ({ endpoint }) => (
  <span class={endpoint.isEnabled ? 'on' : 'off'}>
    {endpoint.isEnabled ? 'enabled' : REASONS[endpoint.disabledReason ?? 'manual']}
  </span>
)
