import { ConfigurationError } from 'lovage'

/** The options of the commands `flower` and `dashboard`: Flower's, and a few more. */
export interface CommandOptions {
  readonly port: number
  /** Empty: all addresses, as Flower listens. */
  readonly address: string
  readonly unixSocket: string
  readonly debug: boolean
  readonly inspectTimeout: number
  readonly auth: string
  readonly authProvider: string
  readonly basicAuth: readonly string[]
  readonly oauth2Key: string
  readonly oauth2Secret: string
  readonly oauth2RedirectUri: string
  readonly maxWorkers: number
  readonly maxTasks: number
  readonly db: string
  readonly persistent: boolean
  readonly stateSaveInterval: number
  readonly brokerApi: string
  readonly caCerts: string
  readonly certfile: string
  readonly keyfile: string
  readonly xheaders: boolean
  readonly autoRefresh: boolean
  readonly purgeOfflineWorkers: number
  readonly cookieSecret: string
  readonly conf: string
  readonly enableEvents: boolean
  readonly naturalTime: boolean
  readonly tasksColumns: string
  readonly urlPrefix: string
  readonly taskRuntimeMetricBuckets: readonly number[]
  readonly readOnly: boolean
  readonly unauthenticatedApi: boolean
  /** Further fleets: `name=broker[;results]`. */
  readonly fleet: readonly string[]
  /** The store of the first fleet's webhooks, and the queue of their tasks. */
  readonly webhooks: string
  readonly webhooksQueue: string
  /** Patterns like `auth`: who of those that are let in is an admin, or an operator. Others are viewers, if either is given. */
  readonly admins: string
  readonly operators: string
  readonly sessionHours: number
  /** The header in which a proxy names the user, and the addresses whose header is believed. */
  readonly proxyUserHeader: string
  readonly trustedProxies: readonly string[]
  /** Names of arguments whose values are not stored. */
  readonly redact: readonly string[]
  /** How many days tasks are kept, and the most tasks kept. */
  readonly keepDays: number
  readonly keepTasks: number
}

interface Definition<Value> {
  readonly initial: Value
  readonly read: (text: string, name: string) => Value
  readonly isFlag?: boolean
  readonly isMultiple?: boolean
  readonly help: string
}
type Definitions = { readonly [Name in keyof CommandOptions]: Definition<CommandOptions[Name]> }

const text = (initial: string, help: string): Definition<string> => ({
  initial,
  read: (value) => value,
  help,
})
const flag = (initial: boolean, help: string): Definition<boolean> => ({
  initial,
  read: boolOf,
  isFlag: true,
  help,
})
const number = (initial: number, help: string): Definition<number> => ({ initial, read: numberOf, help })
const list = (help: string): Definition<readonly string[]> => ({
  initial: [],
  read: (value) =>
    value
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== ''),
  isMultiple: true,
  help,
})

/** Every option, by its name here; Flower's own in Flower's order. */
export const OPTIONS: Definitions = {
  port: number(5555, 'run on the given port'),
  address: text('', 'run on the given address'),
  unixSocket: text('', 'path to unix socket to bind'),
  debug: flag(false, 'run in debug mode'),
  inspectTimeout: number(1000, 'milliseconds to wait for workers’ replies'),
  auth: text('', 'allowed e-mail addresses: one, several with | between them, or *@example.com'),
  authProvider: text('', 'login provider: google, github, gitlab, okta, or Flower’s name of a handler'),
  basicAuth: list(
    'user:password, several separated by commas; with user:password:role the role is viewer, operator or admin',
  ),
  oauth2Key: text('', 'OAuth2 key (requires --auth)'),
  oauth2Secret: text('', 'OAuth2 secret (requires --auth)'),
  oauth2RedirectUri: text('', 'OAuth2 redirect uri (requires --auth)'),
  maxWorkers: number(5000, 'maximum number of workers to remember'),
  maxTasks: number(100_000, 'maximum number of tasks in a list of Flower’s interface'),
  db: text('flower', 'where histories are stored: a path, to which the name of the fleet is appended'),
  persistent: flag(false, 'accepted for compatibility with Flower: the history is always persistent'),
  stateSaveInterval: number(
    0,
    'accepted for compatibility with Flower: events are always written within a second',
  ),
  brokerApi: text('', 'accepted for compatibility with Flower: queues are read over AMQP'),
  caCerts: text(
    '',
    'SSL certificate authority (CA) file: only clients with a certificate signed by it are admitted',
  ),
  certfile: text('', 'SSL certificate file'),
  keyfile: text('', 'SSL key file'),
  xheaders: flag(false, 'trust the X-Real-Ip and X-Scheme headers of a proxy'),
  autoRefresh: flag(true, 'refresh pages automatically'),
  purgeOfflineWorkers: number(3600, 'seconds after which offline workers are forgotten'),
  cookieSecret: text('', 'secret to sign cookies with; default: a new one at each start'),
  conf: text('', 'a JSON file with options by name'),
  enableEvents: flag(true, 'periodically make workers send task events'),
  naturalTime: flag(false, 'show times relative to now'),
  tasksColumns: text(
    'name,uuid,state,args,kwargs,result,received,started,runtime,worker',
    'columns of the tasks page, separated by commas',
  ),
  urlPrefix: text('', 'path prefix of the dashboard behind a proxy'),
  taskRuntimeMetricBuckets: {
    initial: [],
    read: (value, name) => value.split(',').map((one) => numberOf(one, name)),
    isMultiple: true,
    help: 'upper bounds of the histogram of run times, in seconds',
  },
  readOnly: flag(false, 'refuse all changes'),
  unauthenticatedApi: flag(false, 'let programs use Flower’s interface without authentication'),
  fleet: list('further fleets: name=broker-url, or name=broker-url;results-url'),
  webhooks: text(
    '',
    'store of the webhooks to show: postgresql://… or sqlite:///path (needs @lovage/webhooks)',
  ),
  webhooksQueue: text('', 'queue of the tasks that deliver them; default: the app’s own'),
  admins: text(
    '',
    'who of them has full access: a pattern like --auth; without --admins and --operators everyone',
  ),
  operators: text('', 'who of them may act on tasks, queues and schedules; all others only look'),
  sessionHours: number(12, 'hours after which a user signs in again'),
  proxyUserHeader: text(
    '',
    'header in which a proxy names the user it has signed in (requires --trusted-proxies)',
  ),
  trustedProxies: list('addresses and networks whose header is believed: 127.0.0.1,10.0.0.0/8, or unix'),
  redact: list('names of arguments whose values are not stored'),
  keepDays: number(30, 'days for which tasks are kept'),
  keepTasks: number(1_000_000, 'maximum number of tasks to keep'),
}

const NAMES = new Map(Object.keys(OPTIONS).map((name) => [plain(name), name as keyof CommandOptions]))

/**
 * Reads options as Flower does: from the environment (`FLOWER_PORT`), then from a file's values, then from the command line, with `-` or
 * `_`, with `=` or a space. A later one replaces an earlier one; on the command line lists may be repeated.
 * @throws {ConfigurationError} LVG_USAGE for an unknown option, or an invalid value.
 */
export function readOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  file: Readonly<Record<string, unknown>> = {},
): CommandOptions {
  const options: Partial<Record<keyof CommandOptions, unknown>> = Object.fromEntries(
    Object.entries(OPTIONS).map(([name, { initial }]) => [name, initial]),
  )
  for (const [variable, value] of Object.entries(env)) {
    const name = /^FLOWER_(\w+)$/.exec(variable)?.[1]
    const known = name === undefined ? undefined : NAMES.get(plain(name))
    if (known !== undefined && value !== undefined) options[known] = OPTIONS[known].read(value, variable)
  }
  const written = Object.entries(file).map(([name, value]) => `--${name}=${[value].flat().join(',')}`)
  Object.assign(options, given(written), given(argv))
  // Every option has been given its value.
  return options as CommandOptions
}

/** The options that are written on a command line. */
function given(argv: readonly string[]): Partial<Record<keyof CommandOptions, unknown>> {
  const options: Partial<Record<keyof CommandOptions, unknown>> = {}
  for (let at = 0; at < argv.length; at++) {
    const [, written = '', value] = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(argv[at] ?? '') ?? []
    const { name, isNegated } = nameOf(written, argv[at] ?? '')
    const definition = OPTIONS[name]
    let said = value
    if (said === undefined && definition.isFlag) said = isNegated ? 'false' : 'true'
    if (said === undefined) {
      at++
      said = argv[at]
    }
    if (said === undefined) throw usage(`--${written} needs a value.`)
    const read = definition.read(said, `--${written}`)
    const before = options[name]
    options[name] =
      definition.isMultiple && Array.isArray(before) && Array.isArray(read) ? [...before, ...read] : read
  }
  return options
}

function nameOf(
  written: string,
  argument: string,
): { readonly name: keyof CommandOptions; readonly isNegated: boolean } {
  const name = NAMES.get(plain(written))
  if (name !== undefined) return { name, isNegated: false }
  const negated = /^no[-_]/i.test(written) ? NAMES.get(plain(written.slice(3))) : undefined
  if (negated !== undefined && OPTIONS[negated].isFlag) return { name: negated, isNegated: true }
  throw usage(`${argument} is not an option of the dashboard.`, 'See --help.')
}

/** Normalises a name: `-`, `_` and capitals are equivalent. */
function plain(name: string): string {
  return name.replaceAll(/[-_]/g, '').toLowerCase()
}

function boolOf(value: string, name: string): boolean {
  if (/^(?:y|yes|t|true|on|1)$/i.test(value)) return true
  if (/^(?:n|no|f|false|off|0)$/i.test(value)) return false
  throw usage(`${name} must be true or false, not ${JSON.stringify(value)}.`)
}

function numberOf(value: string, name: string): number {
  const read = Number(value)
  if (value.trim() !== '' && Number.isFinite(read) && read >= 0) return read
  throw usage(`${name} must be a number, not ${JSON.stringify(value)}.`)
}

const usage = (message: string, hint?: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_USAGE', ...(hint === undefined ? {} : { hint }) })
