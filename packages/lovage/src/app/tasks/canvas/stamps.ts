import { type Canvas, fromWire, signaturesIn, toWire, withOptions } from '../../../canvas/index.js'

/** Stamps by name; tasks carry them in `ctx.stamps`, and revoking by stamps matches them. */
export type Stamps = Readonly<Record<string, unknown>>

/** Returns the stamps of each task. */
export interface StampingVisitor {
  /** Every task that will run. */
  onSignature?(task: { readonly name: string; readonly options: Readonly<Record<string, unknown>> }): Stamps
  /** Additional stamps for every task of a group or a chord's header. */
  onGroupMember?(task: { readonly name: string; readonly index: number }): Stamps
  /** Additional stamps for every step of a chain. */
  onChainStep?(task: { readonly name: string; readonly index: number }): Stamps
  /** Additional stamps for a chord's body. */
  onChordBody?(task: { readonly name: string }): Stamps
  /** Additional stamps for callbacks. */
  onCallback?(task: { readonly name: string }): Stamps
  /** Additional stamps for errbacks. */
  onErrback?(task: { readonly name: string }): Stamps
}

/** A copy whose tasks are stamped; an existing stamp is kept. */
export function stamped(canvas: Canvas, stamps: Stamps | StampingVisitor): Canvas {
  return visit(canvas, isVisitor(stamps) ? stamps : { onSignature: () => stamps }, {})
}

const METHODS = ['onSignature', 'onGroupMember', 'onChainStep', 'onChordBody', 'onCallback', 'onErrback']

const isVisitor = (stamps: Stamps | StampingVisitor): stamps is StampingVisitor =>
  METHODS.some((name) => typeof (stamps as Readonly<Record<string, unknown>>)[name] === 'function')

function visit(canvas: Canvas, visitor: StampingVisitor, inherited: Stamps): Canvas {
  const name = nameOf(canvas)
  switch (canvas.kind) {
    case 'task': {
      const own = { ...inherited, ...visitor.onSignature?.({ name, options: canvas.options }) }
      const links: Record<string, unknown> = {}
      for (const option of ['link', 'link_error'] as const) {
        const list = signaturesIn(canvas.options, option)
        if (list.length === 0) continue
        links[option] = list.map((one) => {
          const linked = fromWire(one)
          const more = option === 'link' ? visitor.onCallback : visitor.onErrback
          return toWire(visit(linked, visitor, { ...more?.call(visitor, { name: nameOf(linked) }) }))
        })
      }
      const known = Array.isArray(canvas.options.stamped_headers) ? canvas.options.stamped_headers : []
      const fresh = Object.entries(own).filter(([stamp]) => !known.includes(stamp))
      return withOptions(canvas, {
        ...links,
        stamped_headers: [...known, ...fresh.map(([stamp]) => stamp)],
        ...Object.fromEntries(fresh),
      })
    }
    case 'chain': {
      const steps = canvas.steps.map((step, index) =>
        visit(step, visitor, { ...inherited, ...visitor.onChainStep?.({ name: nameOf(step), index }) }),
      )
      return { ...canvas, steps }
    }
    case 'group':
      return { ...canvas, members: members(canvas.members, visitor, inherited) }
    case 'chord': {
      const body = visitor.onChordBody?.({ name: nameOf(canvas.body) })
      return {
        ...canvas,
        header: members(canvas.header, visitor, inherited),
        body: visit(canvas.body, visitor, { ...inherited, ...body }),
      }
    }
  }
}

const members = (list: readonly Canvas[], visitor: StampingVisitor, inherited: Stamps): readonly Canvas[] =>
  list.map((member, index) =>
    visit(member, visitor, { ...inherited, ...visitor.onGroupMember?.({ name: nameOf(member), index }) }),
  )

const nameOf = (canvas: Canvas): string => (canvas.kind === 'task' ? canvas.task : `celery.${canvas.kind}`)
