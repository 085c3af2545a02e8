import { describeBroker } from '../../packages/lovage/src/broker/broker.suite.js'
import { openBroker, openResultBackend } from '../../packages/lovage/src/drivers/index.js'
import { openPostgres } from '../../packages/lovage/src/drivers/postgres/client/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { startPostgres } from '../servers.js'

const options = { settings: {}, clock: systemClock, logger: silentLogger }

describeBroker({
  name: 'postgresql',
  async start() {
    const server = await startPostgres()
    const url = server.url()
    const database = openPostgres(url, { isolated: true })
    return {
      open: () => openBroker(url, options),
      openResults: () => openResultBackend(url, options),
      restart: () => server.restart(),
      async interrupt() {
        // An orderly end: claims are not flushed to the disk one by one, and a kill -9 would take the last.
        await server.kill('SIGINT')
        // Longer than the pause between two looks of a consumer.
        await new Promise((resolve) => setTimeout(resolve, 2000))
        await server.restart()
      },
      publishRaw: async (queue, raw) =>
        void (await database.query('INSERT INTO lovage_message (queue, place, raw) VALUES ($1, 0, $2)', [
          queue,
          raw.toString(),
        ])),
      expireLease: async (holder) =>
        void (await database.query('UPDATE lovage_holder SET expires_ms = 0 WHERE holder = $1', [holder])),
      async stop() {
        await database.close()
        await server.stop()
      },
    }
  },
})
