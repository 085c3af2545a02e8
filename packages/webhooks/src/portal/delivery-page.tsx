import type { FC } from 'hono/jsx'
import type { Attempt, Delivery } from '../domain/index.js'
import type { Listing } from '../store/index.js'
import { Act, Layout, Time } from './layout.js'
import type { Session } from './session.js'

/** Characters of a body that a page shows. */
const SHOWN = 20_000

/** A delivery: its event's body, its attempts, and their answers. */
export const DeliveryPage: FC<{
  readonly session: Session
  readonly delivery: Delivery
  readonly body: string | null
  readonly attempts: Listing<Attempt>
  readonly said?: string | undefined
}> = ({ session, delivery, body, attempts, said }) => {
  const path = `/portal/deliveries/${delivery.id}`
  return (
    <Layout title={delivery.eventType} session={session} said={said}>
      <dl>
        <dt>State</dt>
        <dd>
          {delivery.waitsFor === null
            ? delivery.state
            : `${delivery.state}, waits for its ${delivery.waitsFor}`}
        </dd>
        <dt>webhook-id</dt>
        <dd>
          <code>{delivery.eventId}</code>
        </dd>
        <dt>Next attempt</dt>
        <dd>
          <Time ms={delivery.nextAttemptAtMs} />
        </dd>
        <dt>Endpoint</dt>
        <dd>
          <a href={`/portal/endpoints/${delivery.endpointId}`}>{delivery.endpointId}</a>
        </dd>
      </dl>
      <Act session={session} to={`${path}/replay`} label="Send again" />
      <h2>Attempts</h2>
      {attempts.items.length === 0 ? <p>There is none yet.</p> : null}
      {attempts.items.map((attempt) => (
        <article>
          <h3>
            <Time ms={attempt.startedAtMs} />: {attempt.status ?? attempt.outcome}
            {attempt.number === 0 ? ', sent again by hand' : ''}
          </h3>
          <p>
            {`${attempt.durationMs} ms`}
            {attempt.error === null ? '' : `: ${attempt.error}`}
          </p>
          {attempt.responseBody === null || attempt.responseBody.text === '' ? null : (
            <pre>{cut(attempt.responseBody.text, attempt.responseBody.isTruncated)}</pre>
          )}
        </article>
      ))}
      {attempts.next === null ? null : (
        <p>
          <a href={`${path}?after=${encodeURIComponent(attempts.next)}`}>More</a>
        </p>
      )}
      <h2>Body</h2>
      {body === null ? <p>It is no longer stored.</p> : <pre>{cut(body, false)}</pre>}
    </Layout>
  )
}

const cut = (text: string, isTruncated: boolean): string =>
  text.length > SHOWN || isTruncated ? `${text.slice(0, SHOWN)} …` : text
