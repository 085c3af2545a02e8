import type { Middleware, Next, Outcome, PublishContext, RunContext } from 'lovage'
import type { Broker, OutgoingMessage } from 'lovage/driver'

/** A middleware that is typed by the public doors alone: it names its tenant in every message, and times runs. */
export const tenants = (tenant: string, told: (ms: number) => void): Middleware => ({
  name: 'tenants',
  async publish(given: PublishContext, next: Next<PublishContext, void>): Promise<void> {
    const broker: Broker = given.broker
    const messages = given.messages.map(
      (message): OutgoingMessage => ({
        ...message,
        headers: { ...message.headers, tenant, kind: broker.kind },
      }),
    )
    // @ts-expect-error a context without its messages is none
    void next({ broker })
    return next({ ...given, messages })
  },
  async run(given: RunContext, next: Next<RunContext, Outcome>): Promise<Outcome> {
    const beganMs = performance.now()
    const outcome = await next(given)
    if (outcome.kind === 'success') told(performance.now() - beganMs)
    // @ts-expect-error outcomes are a closed set
    if (outcome.kind === 'perhaps') return outcome
    return outcome
  },
})
