import {
  type Canvas,
  chainOf,
  chunked,
  configured,
  type MemberFailure,
  mapped,
  OWN_OPTIONS,
  pipe,
  skewed,
} from '../../../canvas/index.js'
import type { AsyncResult, GroupResult } from '../../results/index.js'
import type { CanvasCaller } from './canvas-caller.js'
import { type AnySignature, Signature } from './signature.js'
import type { GroupOut, LeadOfAll, Settled } from './types.js'

/**
 * Steps, each of which takes the result of the one before; the first takes `Lead`. A step that does not fit does not compile.
 *
 * @example
 * import { chain } from 'lovage'
 * const result = await chain(add.s(2, 2), add.s(4)).applyAsync() // (2 + 2) + 4
 */
export function chain<L extends readonly unknown[], A, H>(a: Signature<L, A, H>): Signature<L, A, H>
export function chain<L extends readonly unknown[], A, B, H>(
  a: Signature<L, A, unknown>,
  b: Signature<[A], B, H>,
): Signature<L, B, H>
export function chain<L extends readonly unknown[], A, B, C, H>(
  a: Signature<L, A, unknown>,
  b: Signature<[A], B, unknown>,
  c: Signature<[B], C, H>,
): Signature<L, C, H>
export function chain<L extends readonly unknown[], A, B, C, D, H>(
  a: Signature<L, A, unknown>,
  b: Signature<[A], B, unknown>,
  c: Signature<[B], C, unknown>,
  d: Signature<[C], D, H>,
): Signature<L, D, H>
export function chain<L extends readonly unknown[], A, B, C, D, E, H>(
  a: Signature<L, A, unknown>,
  b: Signature<[A], B, unknown>,
  c: Signature<[B], C, unknown>,
  d: Signature<[C], D, unknown>,
  e: Signature<[D], E, H>,
): Signature<L, E, H>
export function chain<L extends readonly unknown[], A, B, C, D, E, F, H>(
  a: Signature<L, A, unknown>,
  b: Signature<[A], B, unknown>,
  c: Signature<[B], C, unknown>,
  d: Signature<[C], D, unknown>,
  e: Signature<[D], E, unknown>,
  f: Signature<[E], F, H>,
): Signature<L, F, H>
/** Steps in a list, whose types the compiler cannot follow. */
export function chain(steps: readonly AnySignature[]): Signature<readonly unknown[], unknown>
export function chain(
  ...given: readonly AnySignature[] | readonly [readonly AnySignature[]]
): Signature<readonly unknown[], unknown, never> {
  // Either signatures or one list of them, as the overloads say.
  const steps = (Array.isArray(given[0]) ? given[0] : given) as readonly AnySignature[]
  const canvases = steps.map((step) => step.canvas)
  // Composed one by one, so that the rules of `pipe` apply; they have none for tasks, of which there may be many.
  const canvas = canvases.every(({ kind }) => kind === 'task')
    ? chainOf(canvases)
    : canvases.reduce((left, right) => pipe(left, right))
  return new Signature(canvas, callerOf(steps))
}

/** Options of a group. */
export interface GroupOptions {
  /**
   * How a member's failure affects the body of a chord made from this group: 'fail' fails the body (default), 'continue'
   * passes it settled results, 'ignore' leaves failed members out.
   */
  readonly onMemberFailure?: MemberFailure
  /** Increasing countdowns for the members, in seconds: `start` (1), then `step` (1) more for each, at most `stop`. */
  readonly skew?: { readonly start?: number; readonly stop?: number; readonly step?: number }
}

/**
 * Members that run side by side: their results are a tuple in the order of the members.
 *
 * @example
 * import { group } from 'lovage'
 * const result = await group([add.s(1, 1), add.s(2, 2)]).applyAsync()
 * console.log(await result.get()) // [2, 4]
 */
export function group<const Members extends readonly AnySignature[]>(
  members: Members,
  options: GroupOptions & { readonly onMemberFailure: 'continue' },
): Signature<LeadOfAll<Members>, Settled<GroupOut<Members>>, GroupResult<GroupOut<Members>>>
export function group<const Members extends readonly AnySignature[]>(
  members: Members,
  options?: GroupOptions,
): Signature<LeadOfAll<Members>, GroupOut<Members>, GroupResult<GroupOut<Members>>>
/** Members that an iterator generates while they are being sent, a few thousand in memory at once. */
export function group<Lead extends readonly unknown[], Out>(
  members: Iterable<Signature<Lead, Out, unknown>> | AsyncIterable<Signature<Lead, Out, unknown>>,
  options?: GroupOptions,
): GroupStream<Lead, Out>
export function group(
  members: readonly AnySignature[] | Iterable<AnySignature> | AsyncIterable<AnySignature>,
  options: GroupOptions = {},
): unknown {
  if (!isList(members)) return new GroupStream(members, options)
  return groupOf(members, options)
}

function groupOf(
  list: readonly AnySignature[],
  { onMemberFailure, skew }: GroupOptions,
): Signature<never, never, never> {
  const canvases = list.map(({ canvas }) => canvas)
  const options =
    onMemberFailure && onMemberFailure !== 'fail' ? { [OWN_OPTIONS.memberFailure]: onMemberFailure } : {}
  const members = skew ? skewed(canvases, skew) : canvases
  return new Signature({ kind: 'group', members, args: [], options, immutable: false }, callerOf(list))
}

const isList = (members: unknown): members is readonly AnySignature[] => Array.isArray(members)

/**
 * A group whose members are generated while it is being sent.
 *
 * @example
 * import { group } from 'lovage'
 * async function* members() {
 *   for (let n = 0; n < 1_000_000; n++) yield add.s(n, n)
 * }
 * const stream = group(members())
 */
export class GroupStream<Lead extends readonly unknown[], Out> {
  readonly #members: Iterable<AnySignature> | AsyncIterable<AnySignature>
  readonly #options: GroupOptions

  constructor(members: Iterable<AnySignature> | AsyncIterable<AnySignature>, options: GroupOptions) {
    this.#members = members
    this.#options = options
  }

  /** Sends the members as they are generated, in batches; resolves when the broker has the last one. */
  async delay(...lead: Lead): Promise<GroupResult<Out[]>> {
    const iterator = iterate(this.#members)
    const first = await iterator.next()
    const caller = first.done ? undefined : Signature.callerOf(first.value)
    if (first.done || !caller) return (await groupOf([], {}).delay(...([] as never))) as GroupResult<Out[]>
    const { start = 1, step = 1, stop = Number.POSITIVE_INFINITY } = this.#options.skew ?? {}
    const isSkewed = this.#options.skew !== undefined
    async function* canvases(head: AnySignature): AsyncGenerator<Canvas> {
      let place = 0
      for (
        let next: IteratorResult<AnySignature> = { value: head };
        !next.done;
        next = await iterator.next()
      ) {
        const countdown = Math.min(stop, start + step * place++)
        yield isSkewed ? configured(next.value.canvas, { countdown }) : next.value.canvas
      }
    }
    // Every member has this stream's types.
    return (await caller.sendMembers(canvases(first.value), lead)) as GroupResult<Out[]>
  }

  /** The group with all members in memory, for piping or linking. */
  async collect(): Promise<Signature<Lead, Out[], GroupResult<Out[]>>> {
    const members: AnySignature[] = []
    for await (const member of this.#members) members.push(member)
    // Every member has this stream's types.
    return groupOf(members, this.#options) as Signature<never, unknown, unknown> as Signature<
      Lead,
      Out[],
      GroupResult<Out[]>
    >
  }
}

async function* iterate<T>(source: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T, undefined> {
  yield* source
  return undefined
}

/**
 * Runs members side by side, then a body that takes the list of their results once all have succeeded; the same as
 * `group(header).pipe(body)`. The header is a list of signatures, a group, or one signature. If a member fails, the body is not run: it
 * fails with a ChordError.
 *
 * @example
 * import { chord } from 'lovage'
 * const total = app.task({ name: 'total', run: (_ctx, sums: readonly number[]) => sums.length })
 * await chord([add.s(1, 2), add.s(3, 4)], total.s()).applyAsync()
 */
export function chord<const Members extends readonly AnySignature[], Out, Handle>(
  header: Members,
  body: Signature<[NoInfer<GroupOut<Members>>], Out, Handle>,
): Signature<LeadOfAll<Members>, Out, Handle>
export function chord<
  Lead extends readonly unknown[],
  Given,
  Results extends readonly unknown[],
  Out,
  Handle,
>(
  header: Signature<Lead, Given, GroupResult<Results>>,
  body: Signature<[NoInfer<Given>], Out, Handle>,
): Signature<Lead, Out, Handle>
export function chord<Lead extends readonly unknown[], One, Out, Handle>(
  header: Signature<Lead, One, AsyncResult<One>>,
  body: Signature<[[NoInfer<One>]], Out, Handle>,
): Signature<Lead, Out, Handle>
export function chord(header: readonly AnySignature[] | AnySignature, body: AnySignature): unknown {
  const members = isList(header) ? groupOf(header, {}) : header
  const group = members.canvas.kind === 'group' ? members : groupOf([members], {})
  return new Signature(chainOf([group.canvas, body.canvas]), callerOf([group, body]))
}

/**
 * Splits work into as many messages as there are chunks: each runs the task over at most `size` items, one after the other.
 *
 * @example
 * import { chunks } from 'lovage'
 * const result = await chunks(add.s(), [[1, 1], [2, 2], [3, 3]], 2).applyAsync() // two tasks
 */
export function chunks<Args extends readonly unknown[], Out>(
  task: Signature<Args, Out, unknown>,
  items: Iterable<Args>,
  size: number,
): Signature<[], Out[][], GroupResult<Out[][]>> {
  return new Signature(chunked(task.canvas, items, size), Signature.callerOf(task))
}

/**
 * Runs a task over each item, one after the other, in one message.
 *
 * @example
 * import { map } from 'lovage'
 * await map(mail.s(), ['ada@example.com', 'bob@example.com']).applyAsync() // one task, one after the other
 */
export function map<Item, Out>(
  task: Signature<[Item], Out, unknown>,
  items: Iterable<Item>,
): Signature<[], Out[]> {
  return new Signature(mapped('map', task.canvas, [...items]), Signature.callerOf(task))
}

/**
 * Runs a task over lists of arguments, one after the other, in one message.
 *
 * @example
 * import { starmap } from 'lovage'
 * await starmap(add.s(), [[1, 1], [2, 2]]).applyAsync() // one task: [2, 4]
 */
export function starmap<Args extends readonly unknown[], Out>(
  task: Signature<Args, Out, unknown>,
  items: Iterable<Args>,
): Signature<[], Out[]> {
  return new Signature(mapped('starmap', task.canvas, [...items]), Signature.callerOf(task))
}

const callerOf = (list: readonly AnySignature[]): CanvasCaller | undefined => {
  for (const one of list) {
    const caller = Signature.callerOf(one)
    if (caller) return caller
  }
  return undefined
}
