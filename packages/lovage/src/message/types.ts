/** The headers of a protocol 2 task message, in Celery's own spelling. Custom headers sit alongside them. */
export interface TaskHeaders {
  readonly lang: string
  /** Registered task name; its presence makes a message protocol 2. */
  readonly task: string
  readonly id: string
  /** Shown instead of `task` in logs and events. */
  readonly shadow: string | null
  /** ISO 8601: do not run before. */
  readonly eta: string | null
  /** ISO 8601: do not run after. */
  readonly expires: string | null
  /** Group id, which is also the chord id. */
  readonly group: string | null
  readonly group_index: number | null
  /** Retries so far: 0 on the first run. */
  readonly retries: number
  /** Seconds, hard limit first. */
  readonly timelimit: readonly [hard: number | null, soft: number | null] | null
  readonly root_id: string | null
  readonly parent_id: string | null
  readonly argsrepr: string
  readonly kwargsrepr: string
  readonly origin: string
  /** Absent or null when the producer did not set it: the task's own setting then applies. */
  readonly ignore_result?: boolean | null
  readonly replaced_task_nesting: number
  readonly stamped_headers: readonly string[] | null
  readonly stamps: Readonly<Record<string, unknown>>
  /** Content type of the compression, when the body is compressed. */
  readonly compression?: string
  readonly [custom: string]: unknown
}

/** A signature as it travels (docs/internals/wire.md#signatures); `canvas` gives it meaning. */
export interface WireSignature {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
  readonly subtask_type: string | null
  readonly immutable: boolean
}

/** The third item of a task body: what follows the task. */
export interface Embed {
  readonly callbacks: readonly WireSignature[] | null
  readonly errbacks: readonly WireSignature[] | null
  /** Remaining steps, the next one last; an empty list on the last step. */
  readonly chain: readonly WireSignature[] | null
  readonly chord: WireSignature | null
}

/** A decoded task message: the task's arguments and all call metadata. */
export interface TaskMessage {
  readonly headers: TaskHeaders
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly embed: Embed
}

/** An exception as Celery stores it in `result`. */
export interface ExceptionInfo {
  readonly exc_type: string
  /** The constructor's arguments. */
  readonly exc_message: readonly unknown[] | string
  readonly exc_module: string | null
}

/** AMQP basic properties; other brokers emulate them. */
export interface MessageProperties {
  readonly correlationId: string | null
  readonly replyTo: string | null
  /** 2 = survives a broker restart. */
  readonly deliveryMode: 1 | 2
  /** Public scale 0–9, higher first; absent = the wire's default. Each driver maps it onto its wire. */
  readonly priority?: number
  /** Milliseconds until the message expires, as a decimal string. */
  readonly expiration?: string
}

/** A message as a broker driver transports it. */
export interface Message {
  readonly headers: Readonly<Record<string, unknown>>
  /** Serialized and possibly compressed; a string stands for its UTF-8 bytes. */
  readonly body: Buffer | string
  readonly contentType: string
  readonly contentEncoding: string
  readonly properties: MessageProperties
  readonly exchange: string
  /** With the default exchange `''`, the queue's name. */
  readonly routingKey: string
}

/** A message on its way to a broker. */
export interface OutgoingMessage extends Message {
  /** Unix ms: a broker with a delay store holds the message until then; others deliver it at once. */
  readonly dueMs?: number
  /**
   * A deduplication key: a broker with `capabilities.once` drops a second message with the same key within `ttlMs`, in the same atomic
   * step that would accept it. Beat gives each tick of a schedule such a key.
   */
  readonly once?: { readonly key: string; readonly ttlMs: number }
}

/** A message that came from a broker. */
export interface IncomingMessage extends Message {
  /** Whether the broker reports that it delivered this message before. */
  readonly redelivered: boolean
}
