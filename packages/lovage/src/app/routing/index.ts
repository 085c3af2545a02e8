export {
  globMatcher,
  nameOf,
  namesInRoutes,
  queuesInRoutes,
  type Route,
  type RouteFunction,
  type RoutePair,
  Router,
  type Routes,
  type RouteTarget,
} from './router.js'
export { priorityFromWire, priorityToWire } from './wire-priority.js'
