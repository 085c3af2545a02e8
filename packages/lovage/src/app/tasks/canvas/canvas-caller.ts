import type { Canvas } from '../../../canvas/index.js'
import type { AnyResult } from '../../results/index.js'

/** The app, as signatures see it. */
export interface CanvasCaller {
  /** Whether a chord's errback also applies to its header (`taskAllowErrorCbOnChordHeader`). */
  readonly linksHeaderErrors: boolean
  /** Sends the first tasks of a canvas, with `lead` before their own arguments. */
  sendCanvas(canvas: Canvas, lead: readonly unknown[]): Promise<AnyResult>
  /** Sends a group whose members are generated while it is being sent. */
  sendMembers(members: AsyncIterable<Canvas> | Iterable<Canvas>, lead: readonly unknown[]): Promise<AnyResult>
}
