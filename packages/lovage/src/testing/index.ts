/**
 * What users test with: an app in memory, a fake clock, leak checks.
 *
 * @module lovage/testing
 */
export { type CrashPoint, onCrashPoint } from '../kernel/index.js'
export { FakeClock } from './fake-clock.js'
export { openResources, withoutLeaks } from './leak-check.js'
export { type RunTaskOptions, runTask } from './run-task.js'
export { createTestApp, startTestWorker, type TestWorkerOptions } from './test-app.js'
export { type UntilOptions, until } from './until.js'
