import { ConfigurationError } from '../kernel/index.js'

/** How a queue's load becomes a number of replicas. Times are in seconds. */
export interface ScalePolicy {
  /** Tasks that one replica runs at once. */
  readonly slots: number
  /** The part of its slots that a replica should have busy, above 0 and at most 1. Default 1. */
  readonly target?: number
  /** Mean run time of a task. Default: unknown, and each waiting task calls for a slot of its own. */
  readonly runtime?: number
  /** With `runtime`: the backlog should be done within this time. Default 60. */
  readonly within?: number
  /** Delayed tasks that are due within this time count as waiting: about the time that a replica takes to start. Default 0. */
  readonly ahead?: number
  /** The fewest replicas. Default 0. */
  readonly min?: number
  /** The most replicas. Default: no limit here. */
  readonly max?: number
}

/** The load of queues. */
export interface QueueLoad {
  /** Waiting: all priorities, and delayed ones that are due. */
  readonly backlog: number
  /** Claimed by workers and not settled. */
  readonly running: number
}

/**
 * The number of replicas for a load. Pure. Running tasks keep their slots; waiting ones get as many as needed to be done in time. While
 * anything runs or waits, it is at least 1.
 */
export function desiredReplicas({ backlog, running }: QueueLoad, policy: ScalePolicy): number {
  const { slots, target = 1, runtime, within = 60, min = 0, max = Number.POSITIVE_INFINITY } = policy
  const busy = running + backlog * (runtime === undefined ? 1 : Math.min(1, runtime / within))
  const needed = Math.ceil(busy / (slots * target))
  const least = running + backlog > 0 ? 1 : 0
  return Math.min(max, Math.max(min, least, needed))
}

const POSITIVE = { ok: (value: number) => value > 0, is: 'a number above 0' }
const WHOLE = { ok: (value: number) => Number.isInteger(value) && value >= 0, is: 'a whole number from 0' }
const SECONDS = { ok: (value: number) => value >= 0, is: 'seconds, 0 or more' }
const RULES = {
  slots: POSITIVE,
  target: { ok: (value: number) => value > 0 && value <= 1, is: 'above 0 and at most 1' },
  runtime: { ok: POSITIVE.ok, is: 'seconds above 0' },
  within: { ok: POSITIVE.ok, is: 'seconds above 0' },
  ahead: SECONDS,
  min: WHOLE,
  max: WHOLE,
} as const satisfies Record<keyof ScalePolicy, { ok: (value: number) => boolean; is: string }>
const NAMES = Object.keys(RULES) as readonly (keyof ScalePolicy)[]

/**
 * Reads a policy from the query of a URL: `slots=8&within=30`.
 *
 * @param slots The default of `slots`; undefined = it must be given.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for an unknown name or an impossible value.
 */
export function policyFrom(query: URLSearchParams, slots?: number): ScalePolicy {
  const given: Partial<Record<keyof ScalePolicy, number>> = {}
  for (const [name, text] of query) {
    const known = NAMES.find((one) => one === name)
    if (!known) throw invalid(`${name} is not an option of a scaling policy; they are ${NAMES.join(', ')}.`)
    const value = text.trim() === '' ? Number.NaN : Number(text)
    const rule = RULES[known]
    if (!Number.isFinite(value) || !rule.ok(value)) throw invalid(`${name}=${text}: give ${rule.is}.`)
    given[known] = value
  }
  const { min = 0, max = Number.POSITIVE_INFINITY } = given
  if (min > max) throw invalid(`min=${min} is more than max=${max}.`)
  const ownSlots = given.slots ?? slots
  if (ownSlots === undefined)
    throw invalid('How many tasks does one replica run at once? Write it into the URL: ?slots=8.')
  return { ...given, slots: ownSlots }
}

const invalid = (message: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_CONFIG_INVALID' })
