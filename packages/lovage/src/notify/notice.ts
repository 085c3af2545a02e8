/** The subject of a notice. */
export type NoticeKind = 'failed' | 'rejected' | 'breaker' | 'health'

/** A message for operators. It holds no arguments. */
export interface Notice {
  readonly kind: NoticeKind
  readonly severity: 'info' | 'warning' | 'critical'
  /** One line; notices of the same title are counted together in a digest. */
  readonly title: string
  /** Details: a traceback, reasons. */
  readonly detail: string
  /** The worker that reported it. */
  readonly worker: string
  /** ISO 8601. */
  readonly at: string
}

/** A message for a channel: one notice, or a digest of notices beyond the rate limit. */
export interface NoticeMessage {
  readonly app: string
  readonly subject: string
  readonly text: string
  readonly severity: Notice['severity']
  readonly isDigest: boolean
  /** The notice; in a digest the latest ones, at most a hundred. */
  readonly notices: readonly Notice[]
  /** The number of notices. */
  readonly count: number
}

const MOST_LISTED = 100
const LONGEST_DETAIL = 3000

/** The message of one notice. */
export function messageOfOne(app: string, notice: Notice): NoticeMessage {
  const { severity, title, detail, worker, at } = notice
  const text = [title, `${at} on ${worker}`, detail.slice(0, LONGEST_DETAIL)].filter(Boolean).join('\n')
  return { app, subject: `[${app}] ${title}`, text, severity, isDigest: false, notices: [notice], count: 1 }
}

/** Counts notices that were held back; it keeps only the titles and the latest notices in memory. */
export class Digest {
  readonly #counts = new Map<string, number>()
  #latest: Notice[] = []
  #count = 0
  #severity: Notice['severity'] = 'info'

  get count(): number {
    return this.#count
  }

  add(notice: Notice): void {
    this.#count++
    const title = this.#counts.has(notice.title) || this.#counts.size < MOST_LISTED ? notice.title : 'others'
    this.#counts.set(title, (this.#counts.get(title) ?? 0) + 1)
    this.#latest.push(notice)
    if (this.#latest.length > MOST_LISTED) this.#latest = this.#latest.slice(-MOST_LISTED)
    if (ORDER.indexOf(notice.severity) > ORDER.indexOf(this.#severity)) this.#severity = notice.severity
  }

  message(app: string): NoticeMessage {
    const lines = [...this.#counts]
      .sort(([, a], [, b]) => b - a)
      .map(([title, count]) => `${count} × ${title}`)
    return {
      app,
      subject: `[${app}] ${this.#count} more notices`,
      text: lines.join('\n'),
      severity: this.#severity,
      isDigest: true,
      notices: this.#latest,
      count: this.#count,
    }
  }
}

const ORDER: readonly Notice['severity'][] = ['info', 'warning', 'critical']
