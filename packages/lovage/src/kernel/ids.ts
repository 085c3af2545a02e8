import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

/** A new random task, group or delivery id (UUID version 4), as Celery makes them. */
export const newId = (): string => randomUUID()

/** `name@host`, the form in which Celery names a worker. */
export const nodeName = (name: string): string => `${name}@${hostname()}`

/** What Celery writes into the `origin` header of a producer that is not a worker: `gen<pid>@<host>`. */
export const producerOrigin = (): string => nodeName(`gen${process.pid}`)
