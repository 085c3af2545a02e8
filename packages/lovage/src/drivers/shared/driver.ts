import type { Broker } from '../../broker/index.js'
import type { CoordinationStore } from '../../coordination/index.js'
import type { OpenDeadLetterStore } from '../../dead-letter/index.js'
import type { DriverOptions, OpenDriver } from '../../kernel/index.js'
import type { PayloadStore } from '../../payload/index.js'
import type { ResultBackend } from '../../result/index.js'
import type { ScheduleStore } from '../../schedule-store/index.js'

/** Loads a part of a driver on first use, so that a process pays only for what it uses. */
export type Load<Open> = () => Promise<Open>

/** Opens another broker, which the one being opened leans on: one for what its own server cannot do. */
export type OpenOther = (url: string) => Promise<Broker>

/** Opens a broker. */
export type OpenBroker = (url: string, options: DriverOptions, openOther?: OpenOther) => Promise<Broker>

/** Opens the schedule of the app `space`. */
export type OpenSchedule = (url: string, space: string, options: DriverOptions) => Promise<ScheduleStore>

/** Gives a broker an outbox: calls in a transaction are written beside the caller's rows and published from there. */
export type OpenOutbox = (broker: Broker, url: string, options: DriverOptions) => Promise<Broker>

/** One kind of server or file: the stores that it supports, and what its URLs mean. Unsupported parts are absent. */
export interface Driver {
  readonly broker?: Load<OpenBroker>
  readonly results?: Load<OpenDriver<ResultBackend>>
  readonly coordination?: Load<OpenDriver<CoordinationStore>>
  readonly letters?: Load<OpenDriver<OpenDeadLetterStore>>
  readonly schedule?: Load<OpenSchedule>
  readonly outbox?: Load<OpenOutbox>
  readonly payloads?: Load<OpenDriver<PayloadStore>>
  /** Where its data is reachable: in the process that made it, on the machine, or from every machine. */
  readonly reach: 'process' | 'machine' | 'network'
  /** The default result URL. Absent: the URL of the broker. */
  readonly resultUrl?: string
  /** Results are sent to the caller's process instead of being stored. */
  readonly answersCallers?: true
  /** The URL scheme implies an encrypted connection. */
  readonly isEncrypted?: true
  /** Its stores are SQL tables, which `lovage db migrate` can create in advance. */
  readonly hasTables?: true
  /** The wire protocol that `lovage amqp` can speak to it. */
  readonly protocol?: 'amqp'
  /** Called with the URL before the first part is opened. */
  readonly prepare?: (url: string) => void
}
