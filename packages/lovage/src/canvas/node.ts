import { MessageError } from '../kernel/index.js'

/** A signature's options in Celery's spelling; links, chord and remaining chain are wire signatures in it. */
export type WireOptions = Readonly<Record<string, unknown>>

interface NodeCommon {
  readonly options: WireOptions
  /** Takes no results from the preceding task. */
  readonly immutable: boolean
  /** Positional arguments, after those that are prepended. */
  readonly args: readonly unknown[]
}

/** One call of a task. */
export interface TaskNode extends NodeCommon {
  readonly kind: 'task'
  readonly task: string
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** Steps, each taking the result of the previous one. */
export interface ChainNode extends NodeCommon {
  readonly kind: 'chain'
  readonly steps: readonly Canvas[]
}

/** Members that run in parallel. */
export interface GroupNode extends NodeCommon {
  readonly kind: 'group'
  readonly members: readonly Canvas[]
}

/** Members that run in parallel, and a body that takes the list of their results. */
export interface ChordNode extends NodeCommon {
  readonly kind: 'chord'
  readonly header: readonly Canvas[]
  /** Id of the header's group, once it is frozen. */
  readonly groupId?: string
  readonly body: Canvas
}

/** Work to be done, as plain data; the content of signatures. */
export type Canvas = TaskNode | ChainNode | GroupNode | ChordNode

/** The effect of a member's failure on its chord's body. */
export type MemberFailure = 'fail' | 'continue' | 'ignore'

/** The deepest nesting of a canvas. A chain is one level, however long. */
export const MAX_CANVAS_DEPTH = 100
/** The most signatures of one canvas in a message. */
export const MAX_CANVAS_SIZE = 200_000

/** Lovage's own options on the wire. */
export const OWN_OPTIONS = {
  /** Public priority of a signature that has not been frozen for a broker yet. */
  priority: 'lovage_priority',
  /** The effect of a member's failure on this body. */
  memberFailure: 'lovage_on_member_failure',
} as const

/** The error for a canvas that cannot be run. */
export function misshapen(message: string, hint?: string): MessageError {
  return new MessageError(message, {
    code: 'LVG_CANVAS_INVALID',
    ...(hint === undefined ? {} : { hint }),
  })
}

const NO_OPTIONS: WireOptions = {}

/** A call of a task. */
export function taskNode(
  task: string,
  args: readonly unknown[] = [],
  kwargs: Readonly<Record<string, unknown>> = {},
  options: WireOptions = NO_OPTIONS,
  immutable = false,
): TaskNode {
  return { kind: 'task', task, args, kwargs, options, immutable }
}

/** A copy with options set; those that are undefined stay as they are. */
export function withOptions<Node extends Canvas>(node: Node, options: WireOptions): Node {
  return { ...node, options: { ...node.options, ...defined(options) } }
}

/** A copy without some options. */
export function withoutOptions<Node extends Canvas>(node: Node, names: readonly string[]): Node {
  const left = Object.entries(node.options).filter(([name]) => !names.includes(name))
  return { ...node, options: Object.fromEntries(left) }
}

const defined = (options: WireOptions): WireOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** A text option, if present. */
export function textOption(options: WireOptions, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}
