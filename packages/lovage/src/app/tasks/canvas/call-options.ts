import { type CanvasCall, OWN_OPTIONS, type WireOptions } from '../../../canvas/index.js'
import { ConfigurationError, nearest } from '../../../kernel/index.js'
import { isTruthy, parseTime } from '../../../message/index.js'
import { nameOf } from '../../routing/index.js'
import type { Call } from '../call.js'
import type { CallOptions, TaskOptions } from '../task-options.js'

/** Options whose names differ between a call and a signature on the wire. */
const WIRE_NAMES = {
  taskId: 'task_id',
  rootId: 'root_id',
  parentId: 'parent_id',
  groupId: 'group_id',
  groupIndex: 'group_index',
  replyTo: 'reply_to',
  routingKey: 'routing_key',
  timeLimit: 'time_limit',
  softTimeLimit: 'soft_time_limit',
  ignoreResult: 'ignore_result',
  deliveryMode: 'delivery_mode',
  countdown: 'countdown',
  eta: 'eta',
  expires: 'expires',
  queue: 'queue',
  exchange: 'exchange',
  serializer: 'serializer',
  compression: 'compression',
  headers: 'headers',
  shadow: 'shadow',
  retries: 'retries',
  priority: OWN_OPTIONS.priority,
} as const satisfies Partial<Record<keyof CallOptions, string>>

/**
 * A call's options, in the form a signature carries.
 * @throws {ConfigurationError} LVG_CONFIG_UNKNOWN for an option that a signature cannot carry, such as `transaction`.
 */
export function toWireOptions(options: CallOptions): WireOptions {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && !Object.hasOwn(WIRE_NAMES, name)) {
      const near = nearest(name, Object.keys(WIRE_NAMES))
      throw new ConfigurationError(
        `A signature cannot carry the option ${name}${near ? `; did you mean ${near}?` : '.'}`,
        {
          code: 'LVG_CONFIG_UNKNOWN',
          details: { option: name },
          hint: 'Call the task itself with it: task.applyAsync([…], { … }).',
        },
      )
    }
  const written: Record<string, unknown> = {}
  for (const [name, wireName] of Object.entries(WIRE_NAMES)) {
    // The names are those of the options.
    const value = options[name as keyof CallOptions]
    if (value !== undefined)
      written[wireName] = name === 'queue' ? options.queue && nameOf(options.queue) : value
  }
  return written
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The type each wire option must have to count; anything else came from an untrusted sender and is left out. */
const READERS: Readonly<Record<keyof typeof WIRE_NAMES, (value: unknown) => unknown>> = {
  taskId: text,
  rootId: text,
  parentId: text,
  groupId: text,
  groupIndex: number,
  replyTo: text,
  routingKey: text,
  timeLimit: number,
  softTimeLimit: number,
  ignoreResult: isTruthy,
  deliveryMode: (value) => (value === 1 || value === 2 ? value : undefined),
  countdown: number,
  eta: time,
  expires: (value) => (isNumber(value) ? value : time(value)),
  queue: (value) => (isFields(value) ? text(value.name) : text(value)),
  exchange: text,
  serializer: (value) => (isText(value) && SERIALIZERS.has(value) ? value : undefined),
  compression: text,
  headers: (value) => (isFields(value) ? value : undefined),
  shadow: text,
  retries: number,
  priority: number,
}

const SERIALIZERS: ReadonlySet<string> = new Set(['json', 'msgpack', 'yaml', 'auth', 'encrypted'])

function text(value: unknown): string | undefined {
  return isText(value) && value !== '' ? value : undefined
}
function number(value: unknown): number | undefined {
  return isNumber(value) ? value : undefined
}
function time(value: unknown): Date | undefined {
  if (value instanceof Date) return value
  const ms = isText(value) ? parseTime(value) : undefined
  return ms === undefined ? undefined : new Date(ms)
}

/** The call that one message of a canvas represents. */
export function toCall(
  call: CanvasCall,
  defaults: TaskOptions,
  fromWirePriority: (wire: number) => number | undefined,
): Call {
  const { options: wire } = call
  const options: Record<string, unknown> = {}
  for (const [name, wireName] of Object.entries(WIRE_NAMES)) {
    const given = wire[wireName]
    if (given === undefined || given === null) continue
    // The names are those of the readers.
    const value = READERS[name as keyof typeof WIRE_NAMES](given)
    if (value !== undefined) options[name] = value
  }
  if (isNumber(wire.priority) && options.priority === undefined)
    options.priority = fromWirePriority(wire.priority)
  const { task, args, kwargs, embed } = call
  // Each value was read with the type its name stands for.
  return { task, args, kwargs, options: options as CallOptions, defaults, embed, wire: wireHeaders(wire) }
}

function wireHeaders(wire: WireOptions): NonNullable<Call['wire']> {
  const names = Array.isArray(wire.stamped_headers) ? wire.stamped_headers.filter(isText) : []
  const nesting = wire.replaced_task_nesting
  return {
    ...(names.length > 0
      ? {
          stampedHeaders: names,
          stamps: Object.fromEntries(names.map((name) => [name, wire[name] ?? null])),
        }
      : {}),
    ...(isNumber(nesting) && nesting > 0 ? { replacedTaskNesting: nesting } : {}),
  }
}
