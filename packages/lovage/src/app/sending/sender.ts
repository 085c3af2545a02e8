import type { Canvas } from '../../canvas/index.js'
import type { AppCore } from '../core/index.js'
import { type AnyResult, AsyncResult, type EagerResult } from '../results/index.js'
import {
  type AnyTask,
  type Call,
  type Caller,
  type CallGuard,
  callGuardOf,
  type TaskOptions,
} from '../tasks/index.js'
import { Publisher } from './publish.js'

// Rarely needed modules are loaded with the first call that needs them.
const guards = () => import('../guards/index.js')
const canvases = () => import('../canvas/index.js')
const running = () => import('../running/index.js')

/** The ways to send an app's calls: directly, guarded, as a canvas, or not at all (`taskAlwaysEager`). */
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
    if (this.#core.conf.taskAlwaysEager) return this.#eagerly(call)
    const publisher = this.#publishing()
    return this.#isGuarded(call) ? this.#guarded(call, publisher) : publisher.send(call)
  }
  async sendAll(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]> {
    if (!this.#core.conf.taskAlwaysEager) {
      const publisher = this.#publishing()
      if (!calls.some((call) => this.#isGuarded(call))) return publisher.sendAll(calls)
      return (await guards()).sendAllGuarded(this.#core, publisher, calls)
    }
    const results: AsyncResult<unknown>[] = []
    for (const call of calls) results.push(await this.#eagerly(call))
    return results
  }
  async sendCanvas(canvas: Canvas, lead: readonly unknown[]): Promise<AnyResult> {
    const publisher = this.#publishing()
    const { plainCall, refuseGuarded, sendCanvas } = await canvases()
    if (canvas.kind === 'task' && this.#guardOf(canvas.task, {})) {
      const { capabilities } = await this.#core.broker()
      const call = plainCall(this.#core, canvas, lead, capabilities)
      if (call) return this.#guarded(call, publisher)
    }
    refuseGuarded(canvas, (task) => this.#guardOf(task, {}))
    return sendCanvas(this.#core, publisher, canvas, lead)
  }
  async sendMembers(
    members: Iterable<Canvas> | AsyncIterable<Canvas>,
    lead: readonly unknown[],
  ): Promise<AnyResult> {
    const publisher = this.#publishing()
    const { refuseGuarded, sendMembers } = await canvases()
    const guardOf = (task: string): CallGuard | undefined => this.#guardOf(task, {})
    async function* checked(): AsyncGenerator<Canvas> {
      for await (const member of members) {
        refuseGuarded(member, guardOf)
        yield member
      }
    }
    return sendMembers(this.#core, publisher, checked(), lead)
  }
  async applyEagerly(task: AnyTask, call: Call): Promise<EagerResult<unknown>> {
    return (await running()).applyEagerly(this.#core, task, call)
  }
  asyncResult(id: string): AsyncResult<unknown> {
    return new AsyncResult<unknown>(id, this.#core)
  }
  async drain(): Promise<void> {
    await this.#publisher?.drain()
  }

  /** Whether the task has guards; operators' annotations count where the task is known. */
  #isGuarded({ task, defaults }: Call): boolean {
    return this.#guardOf(task, defaults) !== undefined
  }
  #guardOf(task: string, defaults: TaskOptions): CallGuard | undefined {
    return callGuardOf(this.#core.known(task)?.options ?? defaults)
  }
  async #guarded(call: Call, publisher: Publisher): Promise<AsyncResult<unknown>> {
    return (await guards()).sendGuarded(this.#core, publisher, call)
  }
  async #eagerly(call: Call): Promise<AsyncResult<unknown>> {
    return (await running()).sendEagerly(this.#core, call)
  }
  #publishing(): Publisher {
    this.#core.requireOpen()
    this.#publisher ??= new Publisher(this.#core)
    return this.#publisher
  }
}
