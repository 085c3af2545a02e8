export { type Admission, admit, budget, type LaneMoment } from './admit.js'
export { advance, type LaneChange } from './advance.js'
export { DEFAULT_LANE_RULES, type Lane, type LaneLimits, type LaneRules, newLane } from './lane.js'
