/**
 * `lovage/driver/suites`: the promises of every driver, as tests for Vitest. Run them for a driver of your own against its real
 * server: `describeBroker({ name: 'acme', start: async () => ({ open, stop }) })`.
 */
export { type BrokerServer, type BrokerUnderTest, describeBroker } from '../broker/broker.suite.js'
export {
  type CoordinationServer,
  describeCoordinationStore,
} from '../coordination/coordination-store.suite.js'
export { describePayloadStore, type PayloadStoreWorld } from '../payload/payload-store.suite.js'
export { describeJoinStore, type JoinStoreUnderTest } from '../result/join-store.suite.js'
export {
  describeResultBackend,
  type ResultBackendUnderTest,
  type ResultServer,
} from '../result/result-backend.suite.js'
export {
  describeScheduleStore,
  type ScheduleStoreSubject,
} from '../schedule-store/schedule-store.suite.js'
