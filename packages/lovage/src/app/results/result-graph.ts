import type { TaskState } from '../../result/index.js'
import type { AnyResult } from './any-result.js'
import type { ResultSource } from './result-source.js'

/** A result in a graph: a task's with its state, or a group's. */
export interface GraphNode {
  readonly id: string
  readonly kind: 'task' | 'group'
  /** Celery's state; undefined for a group, which has none of its own. */
  readonly state?: TaskState
  /** The task's name, where results are stored with it (`resultExtended`). */
  readonly name?: string
}

/** How much of a graph to read. */
export interface GraphOptions {
  /** Maximum number of nodes; a larger graph is cut off there. Default 10,000. */
  readonly limit?: number
}

const LIMIT = 10_000
/** Number of results queried at once. */
const AT_ONCE = 200

/**
 * The results that a result led to, and which of them sent which.
 *
 * @example
 * const result = await add.delay(2, 3)
 * const graph = await result.graph()
 * console.log(graph.nodes.length)
 */
export class ResultGraph {
  /** In breadth-first order, from the root. */
  readonly nodes: readonly GraphNode[]
  /** Pairs of ids: the first sent the second, or is the group that contains it. */
  readonly edges: readonly (readonly [from: string, to: string])[]
  /** Whether the graph is larger than `limit` allowed. */
  readonly isCut: boolean

  constructor(
    nodes: readonly GraphNode[],
    edges: readonly (readonly [from: string, to: string])[],
    isCut: boolean,
  ) {
    this.nodes = nodes
    this.edges = edges
    this.isCut = isCut
  }

  /** In Graphviz's language: `dot -Tsvg`. */
  toDot(): string {
    const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
    const nodes = this.nodes.map(
      (node) =>
        `  ${quoted(node.id)} [label=${quoted(labelOf(node))}, shape=${node.kind === 'group' ? 'box' : 'ellipse'}];`,
    )
    const edges = this.edges.map(([from, to]) => `  ${quoted(from)} -> ${quoted(to)};`)
    return ['digraph results {', ...nodes, ...edges, '}', ''].join('\n')
  }

  /** As a Mermaid flow chart, which Markdown renderers show as a picture. */
  toMermaid(): string {
    const places = new Map(this.nodes.map(({ id }, place) => [id, `n${place}`]))
    const text = (label: string): string =>
      `"${label.replace(/["#;]/g, (sign) => `#${sign.charCodeAt(0)};`)}"`
    const nodes = this.nodes.map((node) => {
      const label = text(labelOf(node))
      return `  ${places.get(node.id)}${node.kind === 'group' ? `[${label}]` : `(${label})`}`
    })
    const edges = this.edges.map(([from, to]) => `  ${places.get(from)} --> ${places.get(to)}`)
    return ['graph TD', ...nodes, ...edges, ''].join('\n')
  }
}

const labelOf = ({ id, kind, state, name }: GraphNode): string =>
  [name ?? kind, id, state].filter((part) => part !== undefined).join(' ')

/** Reads a result and everything that it has led to so far, each once. */
export async function graphOf(
  root: AnyResult,
  source: ResultSource,
  { limit = LIMIT }: GraphOptions = {},
): Promise<ResultGraph> {
  const nodes: GraphNode[] = []
  const edges: (readonly [string, string])[] = []
  let isCut = false
  for await (const { node, children } of walk(root, source)) {
    if (nodes.length >= limit) {
      isCut = true
      break
    }
    nodes.push(node)
    for (const child of children) edges.push([node.id, child.id])
  }
  const known = new Set(nodes.map(({ id }) => id))
  return new ResultGraph(
    nodes,
    edges.filter(([, to]) => known.has(to)),
    isCut,
  )
}

/**
 * Waits for a result and everything that it led to, and returns each task's value once available: breadth first, from the
 * root, like Celery's `collect`.
 * @throws {TaskError} for the first that failed, like `get`.
 */
export async function* collect(
  root: AnyResult,
  options: { readonly timeout?: number } = {},
): AsyncGenerator<readonly [result: AnyResult, value: unknown], void, undefined> {
  const met = new Set<string>()
  const line: AnyResult[] = [root]
  for (let at = 0; at < line.length; at++) {
    const result = line[at]
    if (!result || met.has(result.id)) continue
    met.add(result.id)
    if (result.results) line.push(...result.results)
    else {
      const value = await result.get(options)
      yield [result, value]
      line.push(...(await result.children()))
    }
  }
}

interface Step {
  readonly node: GraphNode
  readonly children: readonly AnyResult[]
}

async function* walk(root: AnyResult, source: ResultSource): AsyncGenerator<Step, void, undefined> {
  const met = new Set<string>([root.id])
  let level: AnyResult[] = [root]
  while (level.length > 0) {
    const next: AnyResult[] = []
    for (let at = 0; at < level.length; at += AT_ONCE) {
      for (const step of await look(level.slice(at, at + AT_ONCE), source)) {
        yield step
        for (const child of step.children) {
          if (met.has(child.id)) continue
          met.add(child.id)
          next.push(child)
        }
      }
    }
    level = next
  }
}

async function look(some: readonly AnyResult[], source: ResultSource): Promise<readonly Step[]> {
  const tasks = some.filter(({ results }) => results === null)
  const found = tasks.length === 0 ? [] : await (await source.results()).get(tasks.map(({ id }) => id))
  const stored = new Map(found.map((result) => [result.id, result]))
  return some.map(({ id, results }) => {
    if (results) return { node: { id, kind: 'group' }, children: results }
    const { state = 'PENDING', extended, children = [] } = stored.get(id) ?? {}
    const name = extended?.name
    return {
      node: { id, kind: 'task', state, ...(name === undefined ? {} : { name }) },
      children: children.map((tuple) => source.resultOf(tuple)),
    }
  })
}
