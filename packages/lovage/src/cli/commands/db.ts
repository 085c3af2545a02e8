import type { Command } from 'commander'
import type { GlobalOptions } from '../open-app.js'

export function addDb(program: Command): void {
  const db = program
    .command('db')
    .summary('look after the tables of databases')
    .description('Looks after the tables that the stores of an app have in PostgreSQL and SQLite.')
  db.command('migrate')
    .summary('make the tables, or bring them up to date')
    .description(DESCRIPTION)
    .addHelpText('after', HELP)
    .action(migrateTables)
}

export async function migrateTables(_options: unknown, command: Command): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const { useApp } = await import('../use-app.js')
  const { migrateStores } = await import('../../node/index.js')
  const { table } = await import('../say.js')
  await useApp(options, 'settings', async (app) => {
    const stores = await migrateStores(app)
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

const DESCRIPTION =
  'Makes the tables of messages, results, coordination and the schedule, where these are kept in PostgreSQL or SQLite, and brings older tables up to date. Workers and producers do it themselves at their start; this is for deployments in which they may not make tables. It may be run again, and by many at once.'

const HELP = `
Examples:
  $ lovage -A src/app.ts db migrate
  $ lovage -b redis://localhost --result-backend db+postgresql://owner@localhost/app db migrate`
