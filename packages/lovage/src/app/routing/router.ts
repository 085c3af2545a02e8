import { checkQueue, type Queue } from '../../broker/index.js'
import { ConfigurationError } from '../../kernel/index.js'

/** A call's destination options; anything absent comes from elsewhere. */
export interface RouteTarget {
  readonly queue?: string
  readonly exchange?: string
  readonly routingKey?: string
  /** 0–9, higher first. */
  readonly priority?: number
}

/** Decides by inspecting the call; undefined = the next route is tried. A string names a queue. */
export type RouteFunction = (
  task: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
) => RouteTarget | string | undefined

/** A name, a glob (`billing.*`) or a regular expression, and the destination of its tasks. */
export type RoutePair = readonly [pattern: string | RegExp, target: RouteTarget | string]

/** Routes: a record of names and globs, or a list of such records, pairs and functions. The first match wins. */
export type Routes =
  | Readonly<Record<string, RouteTarget | string>>
  | readonly (RoutePair | RouteFunction | Readonly<Record<string, RouteTarget | string>>)[]

/** A call's complete destination. */
export interface Route {
  /** `''` = directly to the queue that `routingKey` names. */
  readonly exchange: string
  readonly routingKey: string
  /** The queue to declare before publishing; absent when only an exchange was named. */
  readonly queue?: Queue
  readonly priority?: number
}

type CompiledRoute = (
  task: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
) => RouteTarget | undefined

/** Chooses destinations: the call wins over the task, the task over the routes, the routes over the settings. */
export class Router {
  readonly #routes: readonly CompiledRoute[]
  readonly #queues: ReadonlyMap<string, Queue>
  readonly #defaults: {
    readonly queue: Queue
    readonly priority: number | undefined
    readonly createMissing: boolean
  }
  readonly #made = new Map<string, Queue>()

  constructor(options: {
    readonly routes: Routes
    readonly queues: readonly (string | Queue)[]
    readonly defaultQueue: Queue
    readonly defaultPriority: number | undefined
    readonly createMissing: boolean
  }) {
    this.#routes = compileRoutes(options.routes)
    this.#defaults = {
      queue: options.defaultQueue,
      priority: options.defaultPriority,
      createMissing: options.createMissing,
    }
    const { defaultQueue } = options
    const queues = options.queues.map((queue) => {
      if (typeof queue === 'string') return { name: queue }
      checkQueue(queue)
      // Celery gives a queue without a routing key the default one, and kombu's fanout on Redis compares it.
      const key = queue.broadcast && (queue.routingKey ?? defaultQueue.routingKey ?? defaultQueue.name)
      return key ? { ...queue, exchangeType: 'fanout' as const, routingKey: key } : queue
    })
    // In the order listed, which is the order of consumption; the default queue comes last unless it is listed.
    const isListed = queues.some(({ name }) => name === defaultQueue.name)
    const all = isListed ? queues : [...queues, defaultQueue]
    this.#queues = new Map(all.map((queue) => [queue.name, queue]))
  }

  /** The queues that the settings name; a worker without `-Q` consumes them. */
  get declared(): readonly Queue[] {
    return [...this.#queues.values()]
  }

  /**
   * The queue of this name, created if the settings allow.
   * @throws {ConfigurationError} LVG_QUEUE_NOT_FOUND for an unknown name when `taskCreateMissingQueues` is off.
   */
  queue(name: string): Queue {
    const known = this.#queues.get(name) ?? this.#made.get(name)
    if (known) return known
    if (!this.#defaults.createMissing) {
      throw new ConfigurationError(
        `Queue ${name} is not in taskQueues (${[...this.#queues.keys()].join(', ')}).`,
        {
          code: 'LVG_QUEUE_NOT_FOUND',
          details: { queue: name },
        },
      )
    }
    const made = { name }
    this.#made.set(name, made)
    return made
  }

  /** Registers a queue that the caller already has, such as a worker's own; returns its name. */
  know(queue: Queue): string {
    if (!this.#queues.has(queue.name)) this.#made.set(queue.name, queue)
    return queue.name
  }

  /** Returns a call's destination. `own` holds the options of call and task, the call's winning. */
  route(
    task: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
    own: RouteTarget,
  ): Route {
    const matched = this.#match(task, args, kwargs)
    const target = matched ? { ...matched, ...own } : own
    const priority = target.priority ?? this.#defaults.priority
    const prioritised = priority === undefined ? {} : { priority }
    const namesExchange = own.exchange !== undefined && own.queue === undefined
    if (namesExchange || (target.queue === undefined && target.exchange !== undefined)) {
      return { exchange: target.exchange ?? '', routingKey: target.routingKey ?? '', ...prioritised }
    }
    const queue = target.queue === undefined ? this.#defaults.queue : this.queue(target.queue)
    const isTopic = queue.exchangeType !== undefined && queue.exchangeType !== 'direct'
    return isTopic
      ? {
          exchange: queue.exchange ?? queue.name,
          routingKey: target.routingKey ?? queue.routingKey ?? queue.name,
          queue,
          ...prioritised,
        }
      : { exchange: '', routingKey: queue.name, queue, ...prioritised }
  }

  /** The route of a task without arguments to inspect, for people who ask where it goes. */
  destination(task: string): Route {
    return this.route(task, [], {}, {})
  }

  #match(
    task: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
  ): RouteTarget | undefined {
    for (const route of this.#routes) {
      const target = route(task, args, kwargs)
      if (target) return target
    }
    return undefined
  }
}

/** The exact names that routes mention, used to warn about names that no task has. */
export function namesInRoutes(routes: Routes): readonly string[] {
  const entries = Array.isArray(routes)
    ? routes.flatMap((route: RoutePair | RouteFunction | object) =>
        typeof route === 'function' ? [] : Array.isArray(route) ? [route[0]] : Object.keys(route),
      )
    : Object.keys(routes)
  return entries.filter((name): name is string => typeof name === 'string' && !/[*?[]/.test(name))
}

/** The queues that routes name; a function's results cannot be foreseen. */
export function queuesInRoutes(routes: Routes): readonly string[] {
  const entries = Array.isArray(routes)
    ? routes.flatMap((route: RoutePair | RouteFunction | Readonly<Record<string, RouteTarget | string>>) =>
        typeof route === 'function' ? [] : isPair(route) ? [route[1]] : Object.values(route),
      )
    : Object.values(routes as Readonly<Record<string, RouteTarget | string>>)
  return entries.flatMap((target) => targetOf(target)?.queue ?? [])
}

function compileRoutes(routes: Routes): CompiledRoute[] {
  if (!Array.isArray(routes)) return compileRecord(routes as Readonly<Record<string, RouteTarget | string>>)
  return (
    routes as readonly (RoutePair | RouteFunction | Readonly<Record<string, RouteTarget | string>>)[]
  ).flatMap((route) => {
    if (typeof route === 'function') return [(task, args, kwargs) => targetOf(route(task, args, kwargs))]
    if (isPair(route)) return [compilePair(route)]
    return compileRecord(route)
  })
}

/** A record: exact names first, then its globs in order. */
function compileRecord(record: Readonly<Record<string, RouteTarget | string>>): CompiledRoute[] {
  const isGlob = (name: string): boolean => /[*?[]/.test(name)
  const exact = new Map(Object.entries(record).filter(([name]) => !isGlob(name)))
  const globs = Object.entries(record)
    .filter(([name]) => isGlob(name))
    .map(compilePair)
  return [(task) => targetOf(exact.get(task)), ...globs]
}

function compilePair([pattern, target]: RoutePair): CompiledRoute {
  const matches = typeof pattern === 'string' ? globMatcher(pattern) : (task: string) => pattern.test(task)
  const resolved = targetOf(target)
  return (task) => (matches(task) ? resolved : undefined)
}

/** Shell globs as Celery interprets them: `*`, `?` and `[…]`; dots are ordinary characters. */
export function globMatcher(glob: string): (name: string) => boolean {
  if (!/[*?[]/.test(glob)) return (name) => name === glob
  const source = glob.replace(/\[!?[^\]]*\]|[.*+?^${}()|\\[\]]/g, (part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    return part.length > 1 ? part.replace(/^\[!/, '[^') : `\\${part}`
  })
  const expression = new RegExp(`^${source}$`, 's')
  return (name) => expression.test(name)
}

/** The name of a queue, which may be given as an object. */
export const nameOf = (queue: string | Queue): string => (typeof queue === 'string' ? queue : queue.name)

const isPair = (route: object): route is RoutePair => Array.isArray(route)

const targetOf = (target: RouteTarget | string | undefined): RouteTarget | undefined =>
  typeof target === 'string' ? { queue: target } : target
