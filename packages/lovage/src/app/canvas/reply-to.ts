import { type Canvas, textOption, withOptions } from '../../canvas/index.js'

/** The same work, with a reply address on each task that names none, as in Celery. */
export function withReplyTo(canvas: Canvas, address: string): Canvas {
  const each = (canvases: readonly Canvas[]): readonly Canvas[] =>
    canvases.map((one) => withReplyTo(one, address))
  switch (canvas.kind) {
    case 'task':
      return textOption(canvas.options, 'reply_to') === undefined
        ? withOptions(canvas, { reply_to: address })
        : canvas
    case 'chain':
      return { ...canvas, steps: each(canvas.steps) }
    case 'group':
      return { ...canvas, members: each(canvas.members) }
    case 'chord':
      return { ...canvas, header: each(canvas.header), body: withReplyTo(canvas.body, address) }
  }
}

/** Whether any part of it waits for several others: a chord, or a group with a following step. */
export function hasChord(canvas: Canvas): boolean {
  switch (canvas.kind) {
    case 'task':
      return false
    case 'chain':
      return canvas.steps.some(
        (step, place) => hasChord(step) || (step.kind === 'group' && place < canvas.steps.length - 1),
      )
    case 'group':
      return canvas.members.some(hasChord)
    case 'chord':
      return true
  }
}
