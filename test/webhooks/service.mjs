// The HTTP service as a process of its own, to be killed: `node service.mjs`, with BROKER, STORE, and a key's tenant.
import { webhooks } from '@lovage/webhooks'
import { ApiKeys, serveWebhooks, serviceApp } from '@lovage/webhooks/service'
import { Lovage } from 'lovage'

const { BROKER, STORE } = process.env
const app = new Lovage('hooks', { broker: BROKER, resultBackend: BROKER })
const hooks = webhooks(app, {
  store: STORE,
  encryptionKeys: `test:${Buffer.alloc(32, 7).toString('base64')}`,
  allowedCidrs: ['127.0.0.0/8'],
  allowHttp: true,
})
const { text } = await new ApiKeys(hooks).create({ tenant: 'acme' })
const { url } = await serveWebhooks(serviceApp(hooks, { idempotencyLeaseMs: 500 }), { port: 0 })
process.send?.({ url, key: text })
