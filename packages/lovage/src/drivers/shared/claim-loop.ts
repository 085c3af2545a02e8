import type { Delivery } from '../../broker/index.js'
import { InFlight } from '../../kernel/index.js'
import type { ClaimPort, ClaimReply } from './claim-port.js'
import type { QueueTurns } from './queue-turns.js'
import { QueueWindows } from './queue-windows.js'

/** Smaller batches are not worth their own turn of the event loop. */
const MIN_BATCH = 16
/** Fewer than this are looked at together in no more time than one. */
const MANY_QUEUES = 16
/** After a shorter rest, arrivals are not rare: one look at all queues finds more than one at each. */
const SHORT_IDLENESS_MS = 1

/** Callbacks of the loop. */
export interface ClaimLoopHooks {
  readonly free: () => number
  /** The order of queues that are not read in the order listed. */
  readonly turns: QueueTurns<string> | undefined
  /** Turns claimed messages into deliveries, whether or not they are handed over soon. */
  readonly take: (reply: ClaimReply) => readonly Delivery[]
  readonly deliver: (deliveries: readonly Delivery[]) => void
  readonly onError: (error: unknown) => void
}

/**
 * Claims messages while there is room for them, and waits without a claim while there are none.
 *
 * Where claims are pipelined, two half batches are in flight under load: while the tasks of one run here, the server
 * settles and claims for the other. Where the port can wait, an idle loop sends no requests until it is woken.
 */
export class ClaimLoop {
  readonly #port: ClaimPort
  readonly #hooks: ClaimLoopHooks
  /** Claims that wait for their reply, or for its delivery. */
  readonly #underWay = new InFlight()
  #queues = new QueueWindows([])
  #isRunning = false
  #unanswered = 0
  /** Messages requested and not yet delivered. */
  #asked = 0
  /** The largest room so far: half of it is a batch. */
  #capacity = 0
  /** The last claim came back full. */
  #isFull = false
  /** So it did, or it looked at some of the queues only. */
  #isFlowing = false
  /** The queues were empty, and the port will report the next message. */
  #isIdle = false
  /** Since when. */
  #idleMs = 0
  /** The next claim is a look without any sign of a message. */
  #isProbe = false
  /** Counts reasons to look: a claim that was sent before the last of them says nothing about it. */
  #wakes = 0
  #isTurnDue = false
  #isWaitDue = false
  /** The queues are about to change: no new wait. */
  #isChanging = false
  /** Batches that wait for their turn. */
  readonly #ready: { readonly deliveries: readonly Delivery[]; readonly delivered: () => void }[] = []
  #isTurnTaken = false

  constructor(port: ClaimPort, hooks: ClaimLoopHooks) {
    this.#port = port
    this.#hooks = hooks
  }

  get queues(): readonly string[] {
    return this.#queues.all
  }

  /** Claims from these queues from now on; resolves when no message comes from others any longer. */
  async setQueues(queues: readonly string[]): Promise<void> {
    this.#queues = new QueueWindows([...queues], this.#port.fewQueues)
    this.#hooks.turns?.set(queues)
    this.#isChanging = true
    await this.#port.wait?.setQueues(this.queues)
    this.#isChanging = false
    await this.answered()
    this.wake()
  }

  start(): void {
    this.#isRunning = true
    this.wake()
  }

  /** Stops claiming; resolves when all claimed messages have been delivered. */
  async stop(): Promise<void> {
    this.#isRunning = false
    await this.#port.wait?.disarm()
    await this.answered()
  }

  /** Resolves when every claim now in flight has been delivered. */
  async answered(): Promise<void> {
    await this.#underWay.ended()
  }

  /** A message may have arrived, in these queues or in any: looks now. */
  wake(queues?: readonly string[]): void {
    this.#isProbe = false
    this.#look(queues && this.#isAlone() ? this.queues.filter((queue) => queues.includes(queue)) : undefined)
  }

  /** Looks without an announcement: some arrivals have none. */
  probe(): void {
    this.#isProbe = this.#isIdle
    this.#look()
  }

  /** Looks at some of the queues, or all of them. */
  #look(some?: readonly string[]): void {
    this.#wakes++
    this.#isIdle = false
    this.#pump(some)
  }

  /** A rare arrival: all other queues are empty, and would have been announced as well. */
  #isAlone(): boolean {
    return (
      this.#isIdle && this.queues.length > MANY_QUEUES && performance.now() - this.#idleMs > SHORT_IDLENESS_MS
    )
  }

  /** Room for a message that a settlement claims by itself: to be called once, with its claim or without. */
  keep(): ((reply?: ClaimReply) => void) | undefined {
    if (!this.#isRunning || this.#isChanging || this.#room() <= 0) return undefined
    this.#asked++
    let end = (): void => {}
    void this.#underWay.add(
      new Promise<void>((resolve) => {
        end = resolve
      }),
    )
    return (reply) => {
      this.#asked--
      if (reply) {
        const deliveries = this.#hooks.take(reply)
        this.#asked += deliveries.length
        void this.#underWay.add(this.#queueUp(deliveries))
      } else this.#pump()
      end()
    }
  }

  /** There may be more room, or something to settle: looks together with this turn's settlements. */
  demand(): void {
    // Nothing else reports arrivals in the meantime.
    if (!this.#port.wait) this.#wakes++
    if (this.#isTurnDue) return
    this.#isTurnDue = true
    this.#port.turn(() => {
      this.#isTurnDue = false
      this.#pump()
    })
  }

  /** Claims as much as there is room for, unless the queues are known to be empty. */
  #pump(some?: readonly string[]): void {
    if (!this.#isRunning || this.#isIdle || this.queues.length === 0 || !this.#port.isReady) return
    if (this.#unanswered >= (this.#port.isPipelined && this.#isFlowing ? 2 : 1)) return
    if (!this.#port.asksLate && this.#room() <= 0) return
    void this.#underWay.add(this.#claim(some))
  }

  #room(): number {
    return this.#hooks.free() - this.#asked
  }

  /** How many messages fit at the moment the request leaves. */
  #want(): number {
    const room = this.#room()
    if (!this.#isRunning || room <= 0) return 0
    this.#capacity = Math.max(this.#capacity, room)
    const batch = this.#port.isPipelined ? Math.max(MIN_BATCH, Math.ceil(this.#capacity / 2)) : room
    return Math.min(room, batch, this.#port.mostClaimed)
  }

  async #claim(some?: readonly string[]): Promise<void> {
    let queues: readonly string[] = []
    const isProbe = this.#isProbe
    this.#isProbe = false
    let wakes = this.#wakes
    let want = 0
    let deliveries: readonly Delivery[]
    this.#unanswered++
    try {
      const reply = await this.#port.claim(() => {
        wakes = this.#wakes
        want = this.#want()
        this.#asked += want
        queues =
          some ??
          this.#hooks.turns?.now ??
          (this.#isFlowing ? this.#queues.next(performance.now()) : this.queues)
        return { queues, want, isBacklog: this.#isFull, isProbe }
      })
      deliveries = this.#hooks.take(reply)
    } catch (error) {
      // Messages that were claimed by a lost reply are found by the comparison with the server.
      this.#asked -= want
      this.#hooks.onError(error)
      return
    } finally {
      this.#unanswered--
    }
    this.#asked -= want - deliveries.length
    this.#isFull = want > 0 && deliveries.length === want
    this.#isFlowing = this.#isFull || (want > 0 && this.#queues.emptied(queues))
    const last = deliveries.at(-1)
    if (this.#isFull) this.#queues.filled(last?.queue)
    if (last) this.#hooks.turns?.took(last.queue)
    if (!this.#port.isPipelined) this.#handOver(deliveries)
    if (this.#wakes !== wakes || (this.#isFlowing && this.#room() > 0)) this.#pump()
    else this.#drained()
    if (this.#port.isPipelined) await this.#queueUp(deliveries)
  }

  #handOver(deliveries: readonly Delivery[]): void {
    this.#asked -= deliveries.length
    if (deliveries.length > 0) this.#hooks.deliver(deliveries)
  }

  /** Batches that arrive together are delivered one per turn, so that the first is settled before the second runs. */
  #queueUp(deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return Promise.resolve()
    return new Promise((delivered) => {
      this.#ready.push({ deliveries, delivered })
      if (!this.#isTurnTaken) this.#takeTurn()
    })
  }

  #takeTurn(): void {
    this.#isTurnTaken = false
    while (!this.#isTurnTaken) {
      const batch = this.#ready.shift()
      if (!batch) return
      this.#handOver(batch.deliveries)
      batch.delivered()
      if (batch.deliveries.length < MIN_BATCH) continue
      this.#isTurnTaken = true
      void turnOver().then(() => this.#takeTurn())
    }
  }

  /** The queues are empty: waits, if there is room for new messages. */
  #drained(): void {
    const { wait } = this.#port
    if (!wait || !this.#isRunning || this.#unanswered > 0 || this.#room() <= 0) return
    this.#isIdle = true
    this.#idleMs = performance.now()
    if (this.#isWaitDue) return
    this.#isWaitDue = true
    // Deliveries just claimed start first.
    setImmediate(() => {
      this.#isWaitDue = false
      if (!this.#isIdle || !this.#isRunning || this.#isChanging) return
      const want = this.#want()
      this.#isIdle = want > 0
      if (want > 0)
        wait.arm({
          want,
          wake: (queue) => this.wake([queue]),
          take: (reply, most) => this.#taken(reply, most),
        })
    })
  }

  /** A wait has claimed by itself. */
  #taken(reply: ClaimReply, want: number): void {
    const deliveries = this.#hooks.take(reply)
    this.#asked += deliveries.length
    const last = deliveries.at(-1)
    if (last) this.#hooks.turns?.took(last.queue)
    this.#isIdle = false
    this.#isFull = deliveries.length >= want
    this.#isFlowing = this.#isFull
    if (this.#isFull) {
      this.#queues.filled(last?.queue)
      this.#pump()
    } else this.#drained()
    void this.#underWay.add(this.#queueUp(deliveries))
  }
}

/** Lets all that waits for the end of this turn of the event loop go first: tasks end, and are settled. */
const turnOver = (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(() => resolve())))
