import Stripe from 'stripe'
import { setting } from '../core/config.js'
import { Refused } from '../core/errors.js'

/** Stripe's own library, at STRIPE_API_URL. It tries nothing again: that is the task's part. */
export function openStripe(): Stripe {
  const { protocol, hostname, port } = new URL(setting('STRIPE_API_URL'))
  return new Stripe(setting('STRIPE_SECRET_KEY'), {
    host: hostname,
    protocol: protocol === 'http:' ? 'http' : 'https',
    ...(port ? { port } : {}),
    maxNetworkRetries: 0,
    timeout: 20_000,
    telemetry: false,
  })
}

/**
 * The event of a request that Stripe signed.
 * @throws {Refused} when the signature is missing, wrong, or too old.
 */
export function eventOf(body: string, signature: string | undefined): Stripe.Event {
  try {
    return Stripe.webhooks.constructEvent(body, signature ?? '', setting('STRIPE_WEBHOOK_SECRET'))
  } catch (cause) {
    if (!(cause instanceof Stripe.errors.StripeSignatureVerificationError)) throw cause
    throw new Refused('The request has no valid signature of Stripe.', { cause })
  }
}

/** Waits for Stripe; what it will refuse again is `Refused`, everything else worth another try. */
export async function asked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const isFinal =
      error instanceof Stripe.errors.StripeInvalidRequestError ||
      error instanceof Stripe.errors.StripeAuthenticationError ||
      error instanceof Stripe.errors.StripePermissionError
    throw isFinal ? new Refused(`Stripe refused the request: ${error.message}`, { cause: error }) : error
  }
}
