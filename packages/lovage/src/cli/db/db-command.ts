import type { Command } from 'commander'
import { migrateTables } from '../shared/migrate-tables.js'

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

const DESCRIPTION =
  'Makes the tables of messages, results, coordination and the schedule, where these are kept in PostgreSQL or SQLite, and brings older tables up to date. Workers and producers do it themselves at their start; this is for deployments in which they may not make tables. It may be run again, and by many at once.'

const HELP = `
Examples:
  $ lovage -A src/app.ts db migrate
  $ lovage -b redis://localhost --result-backend db+postgresql://owner@localhost/app db migrate`
