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
export {
  type CanvasCall,
  type Dispatch,
  dispatch,
  type OpenedJoin,
  type Surroundings,
} from './dispatch.js'
export {
  afterSuccess,
  type Doom,
  doomedBy,
  type Fired,
  type Followed,
  failedChord,
  fire,
  type MemberPart,
  partsOf,
  publishedErrbacks,
  replacedBy,
} from './follow-up.js'
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
  type WireOptions,
  withOptions,
} from './node.js'
export { hasChord, withReplyTo } from './reply-to.js'
export { resultTuple } from './result-tuple.js'
export { fromWire, type PriorityToWire, signaturesIn, toWire } from './wire.js'
