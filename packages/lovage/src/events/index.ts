export { type DispatcherPorts, EventDispatcher } from './dispatcher.js'
export { decodeEvents, EVENT_EXCHANGE, type Event, type EventFields, eventType, groupField } from './event.js'
