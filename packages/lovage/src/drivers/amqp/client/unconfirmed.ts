import type { ConnectionError } from '../../../kernel/index.js'
import type { AmqpPublication } from './frame-writer.js'

/** A message that the server did not take, or may not have taken. */
export interface Untaken {
  /** Its index among the messages published with it. */
  readonly index: number
  /**
   * `unroutable`: no queue takes it. `refused`: a queue did not, or the server closed the channel because of it. `unsent`: it came after
   * one that was refused. `uncertain`: the channel ended before the server had answered.
   */
  readonly why: 'unroutable' | 'refused' | 'unsent' | 'uncertain'
  /** Why the channel ended, if it has. */
  readonly error?: ConnectionError
}

/** Publications that were sent together. */
interface Batch {
  readonly publications: readonly AmqpPublication[]
  /** The number with which the server confirms the first. */
  readonly first: number
  /** Bits of `ANSWERED` and `RETURNED`, by index. */
  readonly state: Uint8Array
  /** How many are unanswered. */
  open: number
  /** Everything before this index is answered. */
  low: number
  /** Where the search for the next return starts: returns come in the order of publishing. */
  returns: number
  readonly untaken: Untaken[]
  readonly done: (untaken: readonly Untaken[]) => void
}

const ANSWERED = 1
const RETURNED = 2

/** Published and unanswered messages, in the order of publishing. The server numbers them from 1, without gaps. */
export class Unconfirmed {
  #batches: Batch[] = []
  #next = 1
  #hasMoved = false

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  /** Whether nothing is open, or the server has answered for part of the oldest batch since the last call. */
  takeMoved(): boolean {
    const hasMoved = this.#hasMoved || this.isEmpty
    this.#hasMoved = false
    return hasMoved
  }

  /** Adds publications that were just written; resolves to those of them that were not taken. */
  add(publications: readonly AmqpPublication[]): Promise<readonly Untaken[]> {
    const count = publications.length
    if (count === 0) return Promise.resolve([])
    const first = this.#next
    this.#next += count
    if (this.isEmpty) this.#hasMoved = true
    return new Promise((done) => {
      const state = new Uint8Array(count)
      this.#batches.push({ publications, first, state, open: count, low: 0, returns: 0, untaken: [], done })
    })
  }

  /** The server has it, or has already returned it as unroutable. */
  taken(number: number, upTo: boolean): void {
    this.#answer(number, upTo, undefined)
  }

  /** A queue did not take it. */
  refused(number: number, upTo: boolean): void {
    this.#answer(number, upTo, 'refused')
  }

  /**
   * A message was returned, which the server sends before its confirm, and without its number: it is the first that looks the same. Equal
   * ones have an equal fate.
   */
  returned(exchange: string, routingKey: string, body: Buffer): void {
    const isIt = (publication: AmqpPublication): boolean =>
      publication.exchange === exchange &&
      publication.routingKey === routingKey &&
      (typeof publication.body === 'string'
        ? body.equals(Buffer.from(publication.body))
        : body.equals(publication.body))
    for (const batch of this.#batches) {
      const { publications, state } = batch
      for (let step = 0; step < publications.length; step++) {
        const index = (batch.returns + step) % publications.length
        const publication = publications[index]
        if (state[index] !== 0 || !publication?.mandatory || !isIt(publication)) continue
        state[index] = RETURNED
        batch.returns = index + 1
        return
      }
    }
  }

  /** The channel has ended: messages of unknown fate are reported as such. */
  end(error: ConnectionError): void {
    const batches = this.#batches
    this.#batches = []
    const isCulprit = culpritOf(error)
    let why: Untaken['why'] = 'uncertain'
    for (const batch of batches) {
      for (let index = batch.low; index < batch.publications.length; index++) {
        const publication = batch.publications[index]
        const state = batch.state[index] ?? 0
        if (!publication || (state & ANSWERED) !== 0) continue
        // It was returned: no confirm is needed.
        if (state === RETURNED) batch.untaken.push({ index, why: 'unroutable' })
        else if (why === 'uncertain' && isCulprit(publication)) {
          batch.untaken.push({ index, why: 'refused', error })
          why = 'unsent'
        } else batch.untaken.push({ index, why, error })
      }
      batch.done(batch.untaken)
    }
  }

  #answer(number: number, upTo: boolean, why: 'refused' | undefined): void {
    const batches = this.#batches
    if (upTo) {
      this.#hasMoved = true
      let ended = 0
      for (const batch of batches) {
        if (batch.first > number) break
        const last = Math.min(number - batch.first, batch.publications.length - 1)
        for (let index = batch.low; index <= last; index++) answerOne(batch, index, why)
        batch.low = last + 1
        if (batch.open > 0) break
        ended++
      }
      this.#finish(ended)
      return
    }
    const batch = batches[placeOf(batches, number)]
    if (!batch) return
    if (batches[0] === batch) this.#hasMoved = true
    answerOne(batch, number - batch.first, why)
    if (batch.open > 0) return
    if (batches[0] === batch) this.#finish(1)
    else {
      batches.splice(batches.indexOf(batch), 1)
      batch.done(batch.untaken)
    }
  }

  #finish(count: number): void {
    for (const batch of this.#batches.splice(0, count)) batch.done(batch.untaken)
  }
}

function answerOne(batch: Batch, index: number, why: 'refused' | undefined): void {
  const state = batch.state[index]
  if (state === undefined || (state & ANSWERED) !== 0) return
  batch.state[index] = state | ANSWERED
  batch.open--
  if (state === RETURNED) batch.untaken.push({ index, why: 'unroutable' })
  else if (why) batch.untaken.push({ index, why })
}

/** The batch that a number belongs to, or -1: by binary search, as the numbers rise. */
function placeOf(batches: readonly Batch[], number: number): number {
  let low = 0
  let high = batches.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const batch = batches[middle]
    if (!batch) break
    if (number < batch.first) high = middle - 1
    else if (number >= batch.first + batch.publications.length) low = middle + 1
    else return middle
  }
  return -1
}

/**
 * The message that the server closed a channel for, as far as it says: one for an exchange that does not exist or that this user may not
 * publish to, or one that is too large. Messages published before it are in their queue or on their way; those after it were not handled.
 */
function culpritOf({ message }: ConnectionError): (publication: AmqpPublication) => boolean {
  const [, exchange] = /(?:no|access to) exchange '([^']*)'/.exec(message) ?? []
  if (exchange !== undefined)
    return (publication) => publication.exchange === (exchange === 'amq.default' ? '' : exchange)
  const [, size] = /message size (\d+) is larger/.exec(message) ?? []
  if (size !== undefined) return ({ body }) => Buffer.byteLength(body) === Number(size)
  return () => false
}
