export { type Dispatch, dispatch } from './dispatch.js'
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
export { plainCall, refuseGuarded } from './guarded.js'
export { withReplyTo } from './reply-to.js'
export { noChords, sendCanvas, sendMembers, toJoins } from './send-canvas.js'
