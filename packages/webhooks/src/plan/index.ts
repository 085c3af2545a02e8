export {
  attemptsOf,
  DEFAULT_SCHEDULE,
  type EndedAttempt,
  type NextStep,
  planNext,
  type RetrySchedule,
} from './plan.js'
