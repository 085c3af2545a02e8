export type { CanvasCall } from './canvas-call.js'
export {
  called,
  chainOf,
  chunked,
  configured,
  mapped,
  pipe,
  skewed,
  withHeaderErrbacks,
  withLinks,
} from './compose.js'
export { asSingle, freeze, gathered, idOf, type Place } from './freeze.js'
export {
  type Canvas,
  type ChainNode,
  type ChordNode,
  type GroupNode,
  type MemberFailure,
  misshapen,
  OWN_OPTIONS,
  type TaskNode,
  taskNode,
  textOption,
  type WireOptions,
  withOptions,
  withoutOptions,
} from './node.js'
export { headerTuple, resultTuple, shapeOf } from './result-tuple.js'
export { fromWire, type PriorityToWire, signaturesIn, toWire } from './wire.js'
