import type { Command } from 'commander'
import type { GlobalOptions } from './open-app.js'

/** Creates or migrates the tables of every store of an app, and prints their locations. */
export async function migrateTables(_options: unknown, command: Command): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const { useApp } = await import('./use-app.js')
  const { migrateStores } = await import('../../node/index.js')
  const { table } = await import('./say.js')
  await useApp(options, 'settings', async ({ core }) => {
    const stores = await migrateStores(core)
    if (stores.length === 0) console.log('There is nothing to migrate: no store of this app has tables.')
    else
      console.log(
        table(
          ['up to date', 'where'],
          stores.map(({ what, location }) => [what, location]),
        ),
      )
  })
}
