import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { sqsError } from './errors.js'
import type { SqsOptions } from './options.js'

/** The most entries of one request. */
const BATCH = 10
/** Requests under way at once, apart from those that wait for messages. */
const SOCKETS = 64
/** Each consumer waits at each of its queues with a request of its own. */
const WAITING_SOCKETS = 1024
const CONNECT_MS = 5_000
const ANSWER_MS = 15_000

/** Why one entry of a batch was refused. */
export interface SqsFailure {
  readonly index: number
  readonly code: string
  readonly said: string
  /** The same entry would be refused again. */
  readonly isOurs: boolean
}

/** What a request to receive asks for. */
export interface Receiving {
  readonly url: string
  readonly most: number
  readonly visibilityS: number
  readonly waitS: number
  readonly attributes: readonly string[]
  readonly signal?: AbortSignal
}

/** The requests of SQS that we make, each in its batch form; every failure is one of our errors. */
export class SqsClient {
  readonly options: SqsOptions
  readonly #client: SQSClient
  /** Requests that wait for messages take no socket from those that settle and publish. */
  readonly #waiting: SQSClient

  constructor(options: SqsOptions) {
    this.options = options
    const { region, endpoint, credentials } = options
    const make = (maxSockets: number, requestTimeout: number): SQSClient =>
      new SQSClient({
        ...(region === undefined ? {} : { region }),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(credentials ? { credentials } : {}),
        requestHandler: {
          connectionTimeout: CONNECT_MS,
          requestTimeout,
          httpAgent: { keepAlive: true, maxSockets },
          httpsAgent: { keepAlive: true, maxSockets },
        },
      })
    this.#client = make(SOCKETS, ANSWER_MS)
    this.#waiting = make(WAITING_SOCKETS, ANSWER_MS + 1000 * options.waitS)
  }

  close(): void {
    this.#client.destroy()
    this.#waiting.destroy()
  }

  /** A queue's URL. @throws LVG_SQS_REFUSED when there is none. */
  async urlOf(name: string): Promise<string> {
    const { QueueUrl } = await this.#ask(name, () =>
      this.#client.send(new GetQueueUrlCommand({ QueueName: name })),
    )
    return QueueUrl ?? ''
  }

  /** Makes a queue, or finds one with the same attributes. */
  async create(
    name: string,
    attributes: Readonly<Record<string, string>>,
    tags: Readonly<Record<string, string>>,
  ): Promise<string> {
    const hasTags = Object.keys(tags).length > 0
    const command = new CreateQueueCommand({
      QueueName: name,
      Attributes: { ...attributes },
      ...(hasTags ? { tags: { ...tags } } : {}),
    })
    return (await this.#ask(name, () => this.#client.send(command))).QueueUrl ?? ''
  }

  /** The names of the queues that begin with the prefix. */
  async names(prefix: string): Promise<readonly string[]> {
    const names: string[] = []
    let next: string | undefined
    do {
      const command = new ListQueuesCommand({
        MaxResults: 1000,
        ...(prefix === '' ? {} : { QueueNamePrefix: prefix }),
        ...(next === undefined ? {} : { NextToken: next }),
      })
      const page = await this.#ask(undefined, () => this.#client.send(command))
      names.push(...(page.QueueUrls ?? []).map((url) => url.slice(url.lastIndexOf('/') + 1)))
      next = page.NextToken
    } while (next !== undefined)
    return names
  }

  /** Approximate counts, as SQS keeps them. */
  async counts(
    url: string,
  ): Promise<{ readonly ready: number; readonly delayed: number; readonly unacked: number }> {
    const command = new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesDelayed',
        'ApproximateNumberOfMessagesNotVisible',
      ],
    })
    const { Attributes: found = {} } = await this.#ask(nameIn(url), () => this.#client.send(command))
    return {
      ready: Number(found.ApproximateNumberOfMessages ?? 0),
      delayed: Number(found.ApproximateNumberOfMessagesDelayed ?? 0),
      unacked: Number(found.ApproximateNumberOfMessagesNotVisible ?? 0),
    }
  }

  async receive({
    url,
    most,
    visibilityS,
    waitS,
    attributes,
    signal,
  }: Receiving): Promise<readonly Message[]> {
    const client = waitS > 0 ? this.#waiting : this.#client
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: Math.min(BATCH, most),
      VisibilityTimeout: visibilityS,
      WaitTimeSeconds: waitS,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
      MessageAttributeNames: [...attributes],
    })
    const { Messages = [] } = await this.#ask(nameIn(url), () =>
      client.send(command, signal ? { abortSignal: signal } : {}),
    )
    return Messages
  }

  /** Sends at most ten messages, of at most 1 MiB together; resolves to those that were refused. */
  send(url: string, entries: readonly SendMessageBatchRequestEntry[]): Promise<readonly SqsFailure[]> {
    const command = new SendMessageBatchCommand({ QueueUrl: url, Entries: [...entries] })
    return this.#batch(url, () => this.#client.send(command))
  }

  /** Removes messages; resolves to those that were refused. */
  delete(url: string, handles: readonly string[]): Promise<readonly SqsFailure[]> {
    return this.#tens(handles, (some) => {
      const Entries = some.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }))
      return this.#batch(url, () =>
        this.#client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries })),
      )
    })
  }

  /** Lets messages be invisible for this long from now; resolves to those that were refused. */
  hide(url: string, handles: readonly string[], seconds: number): Promise<readonly SqsFailure[]> {
    return this.#tens(handles, (some) => {
      const Entries = some.map((ReceiptHandle, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout: seconds,
      }))
      return this.#batch(url, () =>
        this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries })),
      )
    })
  }

  async #tens<Entry>(
    entries: readonly Entry[],
    send: (some: readonly Entry[]) => Promise<readonly SqsFailure[]>,
  ): Promise<readonly SqsFailure[]> {
    const starts = Array.from({ length: Math.ceil(entries.length / BATCH) }, (_, index) => index * BATCH)
    const failures = await Promise.all(
      starts.map(async (start) =>
        (await send(entries.slice(start, start + BATCH))).map((one) => ({
          ...one,
          index: one.index + start,
        })),
      ),
    )
    return failures.flat()
  }

  async #batch(
    url: string,
    send: () => Promise<{ readonly Failed?: BatchResultErrorEntry[] | undefined }>,
  ): Promise<readonly SqsFailure[]> {
    const { Failed = [] } = await this.#ask(nameIn(url), send)
    return Failed.map(({ Id, Code = '', Message = Code, SenderFault = false }) => ({
      index: Number(Id),
      code: Code,
      said: Message,
      isOurs: SenderFault,
    }))
  }

  async #ask<Reply>(queue: string | undefined, send: () => Promise<Reply>): Promise<Reply> {
    try {
      return await send()
    } catch (thrown) {
      throw sqsError(thrown, this.options, queue)
    }
  }
}

const nameIn = (url: string): string => url.slice(url.lastIndexOf('/') + 1)
