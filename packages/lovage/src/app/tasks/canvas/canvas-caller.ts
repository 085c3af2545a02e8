import type { Canvas } from '../../../canvas/index.js'
import type { AnyResult } from '../../results/index.js'

/** What signatures are sent through: the app, as they see it. */
export interface CanvasCaller {
  /** Whether an errback of a chord is given to its header too (`taskAllowErrorCbOnChordHeader`). */
  readonly linksHeaderErrors: boolean
  /** Sends the first tasks of a canvas, with `lead` before their own arguments. */
  sendCanvas(canvas: Canvas, lead: readonly unknown[]): Promise<AnyResult>
  /** Sends a group whose members are made while it is sent. */
  sendMembers(members: AsyncIterable<Canvas> | Iterable<Canvas>, lead: readonly unknown[]): Promise<AnyResult>
}
