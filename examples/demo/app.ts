import { webhooks } from '@lovage/webhooks'
import { Lovage } from 'lovage'

export const app = new Lovage('webhook-demo', { taskDefaultQueue: 'webhooks', brokerLease: 3 })

/** Webhooks as a service would set them up; but a demo is impatient, and its receiver is on this machine. */
export const hooks = webhooks(app, {
  allowedCidrs: ['127.0.0.1'],
  allowHttp: true,
  minTimeoutMs: 100,
  leaseMs: 2_000,
  staleAfterMs: 3_000,
  sweepEveryS: 1,
  schedule: { taskBackoffMs: 250, taskRetries: 3, busyWaitMs: 500, sweepDelaysMs: Array(12).fill(500) },
  rules: { circuitOpenMs: 1_000 },
  // Some of GitHub's own webhooks are larger than what is warned of by default.
  warnBodyBytes: 100_000,
})
