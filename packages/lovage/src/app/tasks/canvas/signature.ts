import {
  type Canvas,
  called,
  configured,
  freeze,
  pipe,
  toWire,
  withHeaderErrbacks,
  withLinks,
} from '../../../canvas/index.js'
import { ConfigurationError, newTaskId, ofAnotherCopy } from '../../../kernel/index.js'
import type { WireSignature } from '../../../message/index.js'
import type { AsyncResult } from '../../results/index.js'
import type { CallOptions } from '../task-options.js'
import { toWireOptions } from './call-options.js'
import type { CanvasCaller } from './canvas-caller.js'
import { type StampingVisitor, type Stamps, stamped } from './stamps.js'

/** Carries types that exist only for the compiler. */
declare const TAKES: unique symbol
declare const GIVES: unique symbol

/** Any signature, for code that does not care about types. */
export type AnySignature = Signature<never, unknown, unknown>

/**
 * Work to be done: a call of a task, or a chain, group or chord of calls. It is immutable; every method that sets
 * something returns a new one.
 *
 * `Lead` holds the arguments still missing in front of its own: those `delay` takes, and in a chain the result of the previous
 * step. `Out` is its result, `Handle` what `delay` resolves to.
 *
 * @example
 * const later = add.s(2).set({ countdown: 60, queue: 'slow' })
 * await later.delay(3) // 2 + 3, in a minute
 */
export class Signature<Lead extends readonly unknown[], Out, Handle = AsyncResult<Out>> {
  declare readonly [TAKES]?: (lead: Lead) => void
  declare readonly [GIVES]?: Out
  /** Its content, as plain data; `JSON.stringify(signature)` is Celery's form of it. @internal */
  readonly canvas: Canvas
  readonly #caller: CanvasCaller | undefined

  constructor(canvas: Canvas, caller: CanvasCaller | undefined) {
    this.canvas = canvas
    this.#caller = caller
  }

  /** The app that sends it; undefined for an empty chain or group. */
  static callerOf(signature: AnySignature): CanvasCaller | undefined {
    if (!(#caller in signature)) throw ofAnotherCopy('signature')
    return signature.#caller
  }

  /**
   * Sends it: resolves when the broker has its first messages.
   * @throws {MessageError} LVG_CANVAS_INVALID for an empty chain or one nested too deeply; LVG_MESSAGE_UNSERIALISABLE.
   * @throws {CapabilityError} when a chord needs counting and the result backend does not support it.
   */
  delay(...lead: Lead): Promise<Handle> {
    return this.#send(this.canvas, lead)
  }
  /**
   * Sends it with arguments before its own and options over its own: on the first step of a chain, on every member of a group, on the
   * header and body of a chord. `set` applies to every step.
   */
  applyAsync(lead?: Lead, options: CallOptions = {}): Promise<Handle> {
    return this.#send(called(this.canvas, toWireOptions(options)), lead ?? [])
  }

  /** Adds the step that takes its result. After a group this makes a chord; after a chord it extends the chord's body. */
  pipe<NextOut, NextHandle>(
    next: Signature<[Out], NextOut, NextHandle>,
  ): Signature<Lead, NextOut, NextHandle> {
    return new Signature(pipe(this.canvas, next.canvas), this.#caller ?? Signature.callerOf(next))
  }

  /** A copy with options set: on every task of a chain or group, on the header and body of a chord. */
  set(options: CallOptions): this {
    return this.#with(configured(this.canvas, toWireOptions(options)))
  }
  /** Calls another task with the result on success: of a chain's last step, or of a chord's body. */
  link<NextOut, NextHandle>(callback: Signature<[Out], NextOut, NextHandle>): this {
    return this.#with(withLinks(this.canvas, 'link', [toWire(callback.canvas)]))
  }
  /**
   * Calls another task when one of its tasks has failed: with that task's id or, when the errback has the option `errback: 'inline'`,
   * inside the worker with `(request, error, traceback)`. An immutable errback gets its own arguments.
   */
  linkError(errback: AnySignature): this {
    const links = [toWire(errback.canvas)]
    const linked = withLinks(this.canvas, 'link_error', links)
    return this.#with(this.#caller?.linksHeaderErrors ? withHeaderErrbacks(linked, links) : linked)
  }
  /** As `linkError`. */
  onError(errback: AnySignature): this {
    return this.linkError(errback)
  }
  /** Stamps every task in it, and its callbacks: `{ tenant: 'acme' }`, or stamps that a visitor returns for each. */
  stamp(stamps: Stamps | StampingVisitor): this {
    return this.#with(stamped(this.canvas, stamps))
  }
  /** A copy whose tasks have ids assigned, so that they are known before it is sent. */
  freeze(): this {
    return this.#with(freeze(this.canvas, newTaskId))
  }
  /** Returns itself: signatures are immutable, so a copy would protect nothing. */
  clone(): this {
    return this
  }
  /** The JSON form that Celery's workers read. */
  toJSON(): WireSignature {
    return toWire(this.canvas)
  }

  #with(canvas: Canvas): this {
    // The same kind with the same types; only options differ.
    return new Signature(canvas, this.#caller) as this
  }

  async #send(canvas: Canvas, lead: readonly unknown[]): Promise<Handle> {
    if (!this.#caller)
      throw new ConfigurationError('An empty signature has no app that could send it.', {
        code: 'LVG_CONFIG_INVALID',
      })
    // The canvas has the form that `Handle` was inferred from.
    return (await this.#caller.sendCanvas(canvas, lead)) as Handle
  }
}
