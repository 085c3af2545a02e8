import { AsyncLocalStorage } from 'node:async_hooks'
import type { Logger } from 'lovage'
import { databaseOf, type Sql } from 'lovage-systems-kit'
import { TABLES } from './models/tables.js'

/** What every part of the application can ask for, in a request and in a task alike. */
export interface ApplicationContext {
  /** The database: inside a task, the transaction of its run. */
  readonly db: Sql
  readonly config: Config
  readonly logger: Logger
}

/** The application's settings, from its environment. */
export interface Config {
  readonly databaseUrl: string | undefined
  readonly smtpUrl: string | undefined
  /** The register of companies that counterparties are looked up in. */
  readonly registerUrl: string
  readonly operatorsMail: string
  readonly slackUrl: string | undefined
}

/** Reads the settings. */
export function configFrom(env: NodeJS.ProcessEnv): Config {
  return {
    databaseUrl: env.DATABASE_URL,
    smtpUrl: env.SMTP_URL,
    registerUrl: env.REGISTER_URL ?? 'https://register.example.com',
    operatorsMail: env.OPERATORS_MAIL ?? 'operators@localhost',
    slackUrl: env.SLACK_WEBHOOK_URL,
  }
}

const contexts = new AsyncLocalStorage<ApplicationContext>()

/**
 * The context of whatever runs here.
 * @throws {Error} outside of a task and a request.
 */
export function current(): ApplicationContext {
  const context = contexts.getStore()
  if (!context)
    throw new Error('There is no application context here: this code runs outside tasks and requests.')
  return context
}

/** Runs work in a context. */
export const inContext = <T>(context: ApplicationContext, work: () => T): T => contexts.run(context, work)

/** The database of this process. */
export const database = databaseOf(TABLES)
