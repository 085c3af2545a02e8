// A worker, and a sender, of webhooks as a process of its own, to be killed: `node worker.mjs`, with BROKER, STORE, and COUNT of events to send.
import { webhooks } from '@lovage/webhooks'
import { Lovage, startWorker } from 'lovage'

const { BROKER, STORE, PREFIX = 'none', COUNT = '0', TENANT = 'default' } = process.env
const app = new Lovage('hooks', { broker: BROKER, resultBackend: BROKER, brokerLease: 2 })
const hooks = webhooks(app, {
  store: STORE,
  encryptionKeys: `test:${Buffer.alloc(32, 7).toString('base64')}`,
  allowedCidrs: ['127.0.0.0/8'],
  allowHttp: true,
  minTimeoutMs: 50,
  leaseMs: 2_000,
  staleAfterMs: 2_000,
  // A machine that is busy with kills is slow, which is not the receiver's fault.
  rules: { circuitMinimum: 1000 },
  schedule: { taskBackoffMs: 50, jitter: 0 },
})
if (process.env.ONLY_SEND !== '1') await startWorker(app, { concurrency: 50 })
process.send?.('ready')
const ids = Array.from({ length: Number(COUNT) }, (_, n) => `${PREFIX}-${n}`)
await Promise.all(ids.map((id) => hooks.send({ type: 'order.paid', data: { id } }, { id, tenant: TENANT })))
process.send?.('sent')
