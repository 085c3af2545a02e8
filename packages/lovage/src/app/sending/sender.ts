import type { Canvas } from '../../canvas/index.js'
import type { AppCore } from '../core/index.js'
import { type AnyResult, AsyncResult, type EagerResult } from '../results/index.js'
import { applyEagerly, sendEagerly } from '../running/index.js'
import type { AnyTask, Call, Caller } from '../tasks/index.js'
import { guardOf, sendAllGuarded, sendGuarded } from './guards/send-guarded.js'
import { Publisher } from './publish.js'
import { sendCanvas, sendMembers } from './send-canvas.js'

/** The ways in which an app's calls go out: as they are, guarded, as a canvas, or not at all (`taskAlwaysEager`). */
export class Sender implements Caller {
  readonly #core: AppCore
  #publisher: Publisher | undefined

  constructor(core: AppCore) {
    this.#core = core
  }

  get linksHeaderErrors(): boolean {
    return this.#core.conf.taskAllowErrorCbOnChordHeader
  }

  send(call: Call): Promise<AsyncResult<unknown>> {
    if (this.#core.conf.taskAlwaysEager) return sendEagerly(this.#core, call)
    const publisher = this.#publishing()
    return guardOf(this.#core, call) ? sendGuarded(this.#core, publisher, call) : publisher.send(call)
  }
  async sendAll(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]> {
    if (!this.#core.conf.taskAlwaysEager) return sendAllGuarded(this.#core, this.#publishing(), calls)
    const results: AsyncResult<unknown>[] = []
    for (const call of calls) results.push(await sendEagerly(this.#core, call))
    return results
  }
  async sendCanvas(canvas: Canvas, lead: readonly unknown[]): Promise<AnyResult> {
    return sendCanvas(this.#core, this.#publishing(), canvas, lead)
  }
  async sendMembers(
    members: Iterable<Canvas> | AsyncIterable<Canvas>,
    lead: readonly unknown[],
  ): Promise<AnyResult> {
    return sendMembers(this.#core, this.#publishing(), members, lead)
  }
  applyEagerly(task: AnyTask, call: Call): Promise<EagerResult<unknown>> {
    return applyEagerly(this.#core, task, call)
  }
  asyncResult(id: string): AsyncResult<unknown> {
    return new AsyncResult<unknown>(id, this.#core)
  }
  async drain(): Promise<void> {
    await this.#publisher?.drain()
  }

  #publishing(): Publisher {
    this.#core.requireOpen()
    this.#publisher ??= new Publisher(this.#core)
    return this.#publisher
  }
}
