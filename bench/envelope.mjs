// The bytes that Celery's wire asks for, written by hand: a template with the ids filled in.
import { randomUUID } from 'node:crypto'

const BODY = Buffer.from('[[1,2],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]')

/** The headers of a task that does nothing. */
export const headersOf = (id) => ({
  lang: 'js',
  task: 'bench.noop',
  id,
  shadow: null,
  eta: null,
  expires: null,
  group: null,
  group_index: null,
  retries: 0,
  timelimit: [null, null],
  root_id: id,
  parent_id: null,
  argsrepr: '(1, 2)',
  kwargsrepr: '{}',
  origin: 'gen1@bench',
  ignore_result: true,
  replaced_task_nesting: 0,
  stamped_headers: null,
  stamps: {},
})

/** Its body, as bytes. */
export const body = BODY

const [HEAD, MIDDLE, TAIL] = JSON.stringify(headersOf('@')).split('@').slice(0, 3)
const START = `{"body":"${BODY.toString('base64')}","content-encoding":"utf-8","content-type":"application/json","headers":`

/** A whole envelope, as kombu writes it to a list of Redis. */
export function envelope() {
  const id = randomUUID()
  return `${START}${HEAD}${id}${MIDDLE}${id}${TAIL},"properties":{"correlation_id":"${id}","reply_to":null,"delivery_mode":2,"delivery_info":{"exchange":"","routing_key":"bench"},"priority":0,"body_encoding":"base64","delivery_tag":"${randomUUID()}"}}`
}

/** The task's id in such an envelope, found without parsing it. */
export function idIn(raw) {
  const at = raw.indexOf(ID) + ID.length
  return raw.slice(at, at + UUID)
}

/** Its delivery tag, which stands at the end. */
export const tagIn = (raw) => raw.slice(-3 - UUID, -3)

const ID = '"id":"'
const UUID = 36

/** A result as Celery stores it. */
export const metaOf = (id, doneAt) =>
  `{"status":"SUCCESS","result":3,"traceback":null,"children":[],"date_done":"${doneAt}","task_id":"${id}"}`
