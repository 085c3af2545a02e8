import { type AnySignature, chain, chord, group, type Lovage } from 'lovage'

/** A canvas that either language can build. */
export type Drawing = (
  | {
      readonly kind: 'task'
      readonly task: 'tag' | 'fail' | 'swap'
      readonly args: readonly string[]
      readonly immutable?: true
    }
  | { readonly kind: 'chain'; readonly steps: readonly Drawing[] }
  | { readonly kind: 'group'; readonly members: readonly Drawing[] }
  | { readonly kind: 'chord'; readonly header: readonly Drawing[]; readonly body: Drawing }
) & { readonly link?: string; readonly linkError?: string }

/** Numbers from 0 to 1 that a seed makes again (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A canvas of at most `depth` levels; its tasks are named so that every value tells which ran and in what shape. */
export function draw(random: () => number, depth: number): Drawing {
  let names = 0
  const upTo = (most: number): number => 1 + Math.floor(random() * most)
  const one = (left: number): Drawing => {
    const kinds = left <= 0 ? ['task'] : ['task', 'chain', 'chain', 'group', 'chord', 'chord']
    const kind = kinds[Math.floor(random() * kinds.length)]
    const many = (most: number, least = 1): readonly Drawing[] =>
      Array.from({ length: Math.max(least, upTo(most)) }, () => one(left - 1 - Math.floor(random() * 2)))
    const links = {
      ...(random() < 0.08 ? { link: `link${names++}` } : {}),
      ...(random() < 0.08 ? { linkError: `errback${names++}` } : {}),
    }
    switch (kind) {
      case 'chain':
        // Celery 5.2 loses the arguments of a chain of one group.
        return { kind, steps: many(3, 2) }
      case 'group':
        return { kind, members: many(3) }
      case 'chord':
        // Celery 5.2 orders the members of a group in a header by chance, and runs what follows a body that is a group once for each.
        return { kind, header: many(3).map(notGroup), body: notGroup(one(left - 1)) }
      default: {
        const task = random() < 0.04 ? 'fail' : random() < 0.06 ? 'swap' : 'tag'
        const immutable = random() < 0.1 ? { immutable: true as const } : {}
        return { kind: 'task', task, args: [`n${names++}`], ...immutable, ...links }
      }
    }
  }
  return one(depth)
}

const notGroup = (drawing: Drawing): Drawing =>
  drawing.kind === 'group' ? { kind: 'chain', steps: [...drawing.members, TAIL] } : drawing
const TAIL: Drawing = { kind: 'task', task: 'tag', args: ['tail'] }

/** Builds a drawing with our own words. */
export function build(app: Lovage, drawing: Drawing): AnySignature {
  const made = ((): AnySignature => {
    switch (drawing.kind) {
      case 'task': {
        const { task, args, immutable = false } = drawing
        return app.signature(`t.${task}`, { args, immutable })
      }
      case 'chain':
        return chain(drawing.steps.map((step) => build(app, step)))
      case 'group':
        return group(drawing.members.map((member) => build(app, member)))
      case 'chord':
        return chord(
          drawing.header.map((member) => build(app, member)),
          // Any canvas may be a body; the drawing has no types to tell what it takes.
          build(app, drawing.body) as never,
        )
    }
  })()
  const linked = drawing.link ? made.link(app.signature('t.note', { args: [drawing.link] })) : made
  return drawing.linkError
    ? linked.linkError(app.signature('t.note', { args: [drawing.linkError], immutable: true }))
    : linked
}
