import pg from 'pg'
import { openStore } from '../../packages/webhooks/src/store/index.js'
import { describeWebhookStore } from '../../packages/webhooks/src/store/store.suite.js'
import { startPostgres } from '../servers.js'

const server = await startPostgres()

describeWebhookStore({
  name: 'postgres',
  open: () => openStore(server.url()),
  close: () => server.stop(),
  async inTransaction(work, end) {
    const client = new pg.Client(server.url())
    await client.connect()
    await client.query('BEGIN')
    await work(client)
    await client.query(end)
    await client.end()
  },
})
