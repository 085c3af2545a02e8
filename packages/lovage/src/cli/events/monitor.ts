import type { Cluster } from '../../app/fleet/index.js'
import type { SeenTask, SeenWorker } from '../../cluster/index.js'
import { messageOf } from '../../kernel/index.js'
import { describeTask, describeWorker, taskRow, workerRow } from './monitor-rows.js'
import { toWidth, wrap } from './screen-text.js'

/** The actions of the keys. Each resolves to a sentence. */
export interface MonitorPorts {
  readonly cluster: Pick<Cluster, 'alive' | 'workers' | 'tasks' | 'task' | 'counts' | 'events'>
  /** The broker that it listens to. */
  readonly title: string
  readonly now: () => number
  readonly revoke: (id: string, terminate: boolean) => Promise<string>
  readonly rateLimit: (name: string, rate: string) => Promise<string>
  /** A node's statistics, as text. */
  readonly stats: (hostname: string) => Promise<string>
  readonly onChange: () => void
  readonly onQuit: () => void
}

/** Tasks in the list: the most recently updated. */
const LISTED = 1000
/** Screen lines that are not rows of the list. */
const FRAME = 6
const KEYS = 'j/k move  i info  t trace  r result  c revoke  l rate  w workers  q quit'
const BOLD = '\x1b[1m'
const INVERSE = '\x1b[7m'

/** An overlay over the list. */
type Overlay =
  | { readonly kind: 'text'; readonly title: string; readonly text: string; from: number }
  | {
      readonly kind: 'question'
      readonly label: string
      /** Whether a key or a line answers it. */
      readonly takes: 'key' | 'line'
      typed: string
      readonly answer: (typed: string) => void
    }

/** The live view: its content for a screen size, and its key bindings. Independent of the terminal. */
export class Monitor {
  readonly #ports: MonitorPorts
  #list: 'tasks' | 'workers' = 'tasks'
  #selected: string | undefined
  #from = 0
  #page = 1
  #overlay: Overlay | undefined
  #note = ''
  /** The tasks shown while the view is frozen. */
  #frozen: readonly SeenTask[] | undefined

  constructor(ports: MonitorPorts) {
    this.#ports = ports
  }

  /** Shows a message below the list, until the next key. */
  note(sentence: string): void {
    this.#note = sentence
    this.#ports.onChange()
  }

  /** The lines of the screen. */
  lines(rows: number, columns: number): readonly string[] {
    const { cluster, title, now } = this.#ports
    const height = Math.max(1, rows - FRAME)
    this.#page = height
    const time = new Date(now()).toISOString().slice(11, 19)
    const isText = this.#overlay?.kind === 'text'
    const body = isText ? this.#text(height, columns) : this.#rows(height, columns)
    const counts = Object.entries(cluster.counts).map(([state, count]) => `${state.toLowerCase()} ${count}`)
    const alive = cluster.alive
    return [
      `${INVERSE}${toWidth(`lovage events  ${title}  ${time} UTC${this.#frozen ? '  paused' : ''}`, columns)}`,
      `${BOLD}${toWidth(body.head, columns)}`,
      ...body.lines,
      ...Array.from({ length: Math.max(0, height - body.lines.length) }, () => ''),
      toWidth('─'.repeat(columns), columns),
      toWidth(`Workers: ${alive.map((one) => one.hostname).join(', ') || 'none seen yet'}`, columns),
      toWidth(`Events: ${cluster.events}  Tasks: ${counts.join(', ') || 'none yet'}`, columns),
      this.#foot(columns),
    ].slice(0, rows)
  }

  /** Handles a key press. */
  key(key: string): void {
    const { onChange, onQuit } = this.#ports
    if (key === 'ctrl-c') return onQuit()
    this.#note = ''
    if (this.#overlay?.kind === 'question') this.#reply(this.#overlay, key)
    else if (this.#overlay) this.#scroll(this.#overlay, key)
    else this.#command(key)
    onChange()
  }

  #command(key: string): void {
    const moves: Readonly<Record<string, number>> = {
      j: 1,
      down: 1,
      k: -1,
      up: -1,
      'page down': this.#page,
      'page up': -this.#page,
      home: Number.NEGATIVE_INFINITY,
      end: Number.POSITIVE_INFINITY,
    }
    const by = moves[key.length === 1 ? key.toLowerCase() : key]
    if (by !== undefined) return this.#move(by)
    switch (key.toLowerCase()) {
      case 'q':
        return this.#ports.onQuit()
      case 'w':
      case '\t':
        this.#list = this.#list === 'tasks' ? 'workers' : 'tasks'
        this.#selected = undefined
        this.#from = 0
        return
      case ' ':
        this.#frozen = this.#frozen ? undefined : this.#ports.cluster.tasks({ limit: LISTED })
        return
      case 'i':
      case 'enter':
        return this.#list === 'tasks' ? this.#info() : this.#workerInfo()
      case 't':
        return this.#withTask((task) =>
          this.#open(`Traceback of ${task.id}`, task.traceback ?? 'None found.'),
        )
      case 'r':
        return this.#withTask((task) =>
          this.#open(`Result of ${task.id}`, task.result ?? task.exception ?? `It is ${task.state}.`),
        )
      case 'c':
        return this.#withTask((task) => this.#askRevoke(task))
      case 'l':
        return this.#withTask((task) => this.#askRate(task))
    }
  }

  #askRevoke({ id }: SeenTask): void {
    this.#ask(`Revoke ${id}? y: yes  t: and terminate it  other key: no`, 'key', (answer) => {
      if (answer === 'y' || answer === 't') this.#do(this.#ports.revoke(id, answer === 't'))
    })
  }

  #askRate({ name }: SeenTask): void {
    if (name === undefined) return this.note('The name of the task is unknown.')
    this.#ask(`How often may ${name} run (10/s, 10/m, 10/h, 0 = no limit)?`, 'line', (rate) => {
      if (rate !== '') this.#do(this.#ports.rateLimit(name, rate))
    })
  }

  #ask(label: string, takes: 'key' | 'line', answer: (typed: string) => void): void {
    this.#overlay = { kind: 'question', label, takes, typed: '', answer }
  }

  #reply(question: Extract<Overlay, { kind: 'question' }>, key: string): void {
    const isEnd = question.takes === 'key' || key === 'enter' || key === 'escape'
    if (isEnd) {
      this.#overlay = undefined
      if (key !== 'escape')
        question.answer(question.takes === 'key' ? key.toLowerCase() : question.typed.trim())
    } else if (key === 'backspace') question.typed = question.typed.slice(0, -1)
    else if (key.length === 1 && key >= ' ') question.typed = (question.typed + key).slice(0, 40)
  }

  #scroll(text: Extract<Overlay, { kind: 'text' }>, key: string): void {
    const by = { j: 1, down: 1, k: -1, up: -1, 'page down': this.#page, 'page up': -this.#page }[key]
    if (by === undefined) this.#overlay = undefined
    else text.from = Math.max(0, text.from + by)
  }

  #do(work: Promise<string>): void {
    work.then(
      (sentence) => this.note(sentence),
      (error: unknown) => this.note(`That failed: ${messageOf(error)}`),
    )
  }

  #open(title: string, text: string): void {
    this.#overlay = { kind: 'text', title, text, from: 0 }
  }

  #info(): void {
    this.#withTask((task) => this.#open(`Task ${task.id}`, describeTask(task)))
  }

  #workerInfo(): void {
    const worker = this.#ports.cluster.workers.find(({ hostname }) => hostname === this.#selected)
    if (!worker) return this.note('No worker is selected.')
    const { hostname } = worker
    const title = `Worker ${hostname}`
    const facts = describeWorker(worker, this.#ports.now())
    this.#open(title, `${facts}\n\nloading more …`)
    const asked = this.#overlay
    const show = (more: string): void => {
      if (this.#overlay === asked) this.#open(title, `${facts}\n\n${more}`)
      this.#ports.onChange()
    }
    this.#ports.stats(hostname).then(show, (error: unknown) => show(messageOf(error)))
  }

  #withTask(work: (task: SeenTask) => void): void {
    const task = this.#selected === undefined ? undefined : this.#ports.cluster.task(this.#selected)
    if (task && this.#list === 'tasks') work(task)
    else this.note(this.#list === 'tasks' ? 'No task is selected.' : 'Press w for the list of tasks.')
  }

  #move(by: number): void {
    const ids = this.#items().map(idOf)
    if (ids.length === 0) return
    const at = this.#selected === undefined ? (by > 0 ? -1 : 0) : ids.indexOf(this.#selected)
    this.#selected = ids[Math.max(0, Math.min(ids.length - 1, at + by))]
  }

  #items(): readonly (SeenTask | SeenWorker)[] {
    if (this.#list === 'workers') return this.#ports.cluster.workers
    return this.#frozen ?? this.#ports.cluster.tasks({ limit: LISTED })
  }

  #rows(height: number, columns: number): { readonly head: string; readonly lines: readonly string[] } {
    const items = this.#items()
    const at = this.#selected === undefined ? -1 : items.findIndex((item) => idOf(item) === this.#selected)
    // Keeps the selection visible while new tasks arrive.
    if (at >= 0 && at < this.#from) this.#from = at
    if (at >= this.#from + height) this.#from = at - height + 1
    this.#from = Math.max(0, Math.min(this.#from, items.length - height))
    const now = this.#ports.now()
    const lines = items.slice(this.#from, this.#from + height).map((item) => {
      const row = 'hostname' in item ? workerRow(item, columns, now) : taskRow(item, columns)
      return idOf(item) === this.#selected ? `${INVERSE}${row}` : row
    })
    return {
      head: this.#list === 'workers' ? workerRow(undefined, columns, now) : taskRow(undefined, columns),
      lines,
    }
  }

  #text(height: number, columns: number): { readonly head: string; readonly lines: readonly string[] } {
    if (this.#overlay?.kind !== 'text') return { head: '', lines: [] }
    const all = wrap(this.#overlay.text, columns)
    this.#overlay.from = Math.min(this.#overlay.from, Math.max(0, all.length - height))
    const { from, title } = this.#overlay
    const more =
      all.length > height ? `  (${from + 1}–${Math.min(all.length, from + height)} of ${all.length})` : ''
    return { head: title + more, lines: all.slice(from, from + height) }
  }

  #foot(columns: number): string {
    if (this.#overlay?.kind === 'question')
      return `${BOLD}${toWidth(`${this.#overlay.label} ${this.#overlay.typed}`, columns)}`
    if (this.#note !== '') return `${BOLD}${toWidth(this.#note, columns)}`
    return toWidth(this.#overlay ? 'j/k scroll  any other key: back' : KEYS, columns)
  }
}

const idOf = (item: SeenTask | SeenWorker): string => ('hostname' in item ? item.hostname : item.id)
