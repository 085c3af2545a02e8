import type { Database } from 'lovage-systems-kit'
import type Stripe from 'stripe'

/**
 * Keeps an event before Stripe is told that it arrived: an event that was acknowledged is never lost, and one that comes twice is
 * kept once. Tells whether it is new.
 */
export async function keepEvent(
  db: Database,
  { id, type }: Stripe.Event,
  body: string,
  nowMs: number,
): Promise<boolean> {
  const rows = await db.query(
    `INSERT INTO stripe_events (id, type, body, received_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING RETURNING id`,
    [id, type, body, nowMs],
  )
  return rows.length > 0
}

/** Events that nobody has dealt with yet, the oldest first. */
export async function pendingEvents(db: Database, limit: number): Promise<readonly Stripe.Event[]> {
  const rows = await db.query<{ body: string }>(
    'SELECT body FROM stripe_events WHERE processed_ms IS NULL ORDER BY received_ms, id LIMIT $1',
    [limit],
  )
  // They were checked against Stripe's signature when they came.
  return rows.map(({ body }) => JSON.parse(body) as Stripe.Event)
}
