export {
  driverOf,
  keepsNoAgreements,
  openBroker,
  openCoordinationStore,
  openDeadLetterStore,
  openResultBackend,
  openScheduleStore,
  registerDriver,
  resultBackendProblem,
} from './open.js'
export { embeddedUrl } from './sqlite/index.js'
export { brokerUrlFromEnvironment, databaseUrl, fileUrl, resultStoreUrl } from './urls.js'
