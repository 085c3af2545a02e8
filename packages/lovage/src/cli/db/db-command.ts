import type { Command } from 'commander'
import { migrateTables } from '../shared/migrate-tables.js'

export function addDb(program: Command): void {
  const db = program
    .command('db')
    .summary('manage database tables')
    .description('Manages the tables of an app’s stores in PostgreSQL and SQLite.')
  db.command('migrate')
    .summary('create the tables, or bring them up to date')
    .description(DESCRIPTION)
    .addHelpText('after', HELP)
    .action(migrateTables)
}

const DESCRIPTION =
  'Creates the tables of messages, results, coordination and the schedule, where these are stored in PostgreSQL or SQLite, and brings older tables up to date. Workers and producers do this themselves when they start; the command is for deployments in which they are not allowed to create tables. It is safe to repeat, and to run several times at once.'

const HELP = `
Examples:
  $ lovage -A src/app.ts db migrate
  $ lovage -b redis://localhost --result-backend db+postgresql://owner@localhost/app db migrate`
